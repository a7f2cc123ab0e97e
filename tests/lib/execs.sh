# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Short execs of all kinds in the container `soak`: with and without a terminal and stdin, and with a client that is killed
# in full flow and has a successor. Every byte and every exit code is compared. Uses kata() and $work; files are per run,
# so runs may go in parallel as long as their names differ.

exec_names=50 # used again and again: an exec that was waited for makes room for the next of its name
exec_kinds=(pipe_only pipe_input tty_only tty_input killed)

# They print what the program must have got and given: KIND RUN NAME CODE.
exec_pipe_only() {
	kata exec --id "$2" soak -- sh -c "seq 1 $1; echo end $1 >&2; exit $3"
}

exec_pipe_input() {
	seq 1 "$1" | kata exec -i --id "$2" soak -- sh -c "cat; echo end $1 >&2; exit $3"
}

exec_tty_only() {
	kata exec -t --id "$2" soak -- sh -c "seq 1 $1; echo end $1; exit $3" </dev/null
}

exec_tty_input() {
	echo "line $1" | kata exec -i -t --id "$2" soak -- sh -c "read -r a; seq 1 $1; echo \"\$a\"; exit $3"
}

# The client is killed once the first byte is there, in the middle or after the end. Its files say what its successor need
# not bring.
exec_killed() {
	local out=$work/killed.$2 pid status=0 tries
	kata_in_place exec --id "$2" soak -- sh -c "seq 1 20000; echo end $1 >&2; exit $3" >"$out" 2>"$out.err" &
	pid=$!
	for ((tries = 0; tries < 3000; tries++)); do
		[ ! -s "$out" ] || break
		sleep 0.01
	done
	sleep "0.00$(($1 % 10))"
	kill -KILL "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	# A proxy between here and the guest may never tell of the death.
	kata attach --take-over --have-stdout "$(stat -c %s "$out")" --have-stderr "$(stat -c %s "$out.err")" soak "$2" >>"$out" \
		2>"$out.new" || status=$?
	cat "$out.new" >>"$out.err"
	cat "$out"
	cat "$out.err" >&2
	rm -f "$out" "$out.err" "$out.new"
	return "$status"
}

exec_wanted() {
	case $1 in
	pipe_*) seq 1 "$2" ;;
	tty_only) { seq 1 "$2"; echo "end $2"; } | sed 's/$/\r/' ;;
	tty_input) { echo "line $2"; seq 1 "$2"; echo "line $2"; } | sed 's/$/\r/' ;;
	killed) seq 1 20000 ;;
	esac
}

# exec_one RUN [NAME]: runs the kind whose turn it is.
exec_one() {
	local n=$1 kind=${exec_kinds[$1 % ${#exec_kinds[@]}]} name=${2:-e$(($1 % exec_names))} code=$(($1 % 120)) status=0
	local out=$work/out.$name err=$work/err.$name
	"exec_$kind" "$n" "$name" "$code" >"$out" 2>"$err" || status=$?
	[ "$status" -eq "$code" ] || { echo "run $n ($kind): exit $status instead of $code: $(head -c 300 "$err")"; return 1; }
	exec_wanted "$kind" "$n" | cmp -s - "$out" || { echo "run $n ($kind): output differs"; return 1; }
	[[ $kind == tty_* ]] || [ "$(cat "$err")" = "end $n" ] || { echo "run $n ($kind): stderr differs"; return 1; }
}
