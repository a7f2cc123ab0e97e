// SPDX-License-Identifier: Apache-2.0

// Drives runk by containerd's typed client of the OCI command line.
// usage: runkpeer RUNK ROOT BUNDLE ID; the bundle's process sleeps. Prints "ok" lines, ends with status 1 at the first failure.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	runc "github.com/containerd/go-runc"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func must(what string, err error) {
	if err != nil {
		fmt.Printf("not ok %s: %v\n", what, err)
		os.Exit(1)
	}
	fmt.Printf("ok %s\n", what)
}

func want(what string, good bool, got interface{}) {
	if !good {
		must(what, fmt.Errorf("got %+v", got))
	}
	must(what, nil)
}

// The client reads from a pipe that is closed as soon as the runtime has ended: a fast one is asked again.
func statsOf(ctx context.Context, r *runc.Runc, id string) (*runc.Stats, error) {
	var stats *runc.Stats
	err := error(os.ErrClosed)
	for i := 0; i < 50 && errors.Is(err, os.ErrClosed); i++ {
		stats, err = r.Stats(ctx, id)
	}
	return stats, err
}

// One for each call: the client closes it.
func nullIO() runc.IO {
	io, err := runc.NewNullIO()
	if err != nil {
		must("io", err)
	}
	return io
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
	defer cancel()
	bundle, id := os.Args[3], os.Args[4]
	r := &runc.Runc{Command: os.Args[1], Root: os.Args[2], Log: bundle + "/log.json", LogFormat: runc.JSON}
	_, err := r.Version(ctx)
	must("version", err)
	pidFile := bundle + "/init.pid"
	must("create", r.Create(ctx, id, bundle, &runc.CreateOpts{IO: nullIO(), PidFile: pidFile}))
	pid, err := runc.ReadPidFile(pidFile)
	must("pid-file", err)
	state, err := r.State(ctx, id)
	must("state", err)
	want("state-created", state.Status == "created" && state.Pid == pid && state.ID == id && !state.Created.IsZero(), state)
	must("start", r.Start(ctx, id))
	list, err := r.List(ctx)
	must("list", err)
	want("list-running", len(list) == 1 && list[0].Status == "running" && list[0].Pid == pid, list)
	pids, err := r.Ps(ctx, id)
	must("ps", err)
	want("ps-init", len(pids) == 1 && pids[0] == pid, pids)
	top, err := r.Top(ctx, id, "-ef")
	must("top", err)
	want("top-init", len(top.Processes) == 1, top)
	process := specs.Process{Args: []string{"sh", "-c", "exit 5"}, Env: []string{"PATH=/bin"}, Cwd: "/"}
	err = r.Exec(ctx, id, process, &runc.ExecOpts{IO: nullIO()})
	want("exec-status", err != nil && strings.HasSuffix(err.Error(), "exit status 5"), err)
	process.Args = []string{"sleep", "1000"}
	must("exec-detached", r.Exec(ctx, id, process, &runc.ExecOpts{IO: nullIO(), Detach: true, PidFile: bundle + "/exec.pid"}))
	pids, err = r.Ps(ctx, id)
	want("ps-both", err == nil && len(pids) == 2, pids)
	stats, err := statsOf(ctx, r, id)
	must("stats", err)
	want("stats-figures", stats.Cpu.Usage.Total > 0 && stats.Pids.Current == 2, stats)
	events, err := r.Events(ctx, id, time.Second)
	must("events", err)
	event := <-events
	want("event", event != nil && event.Type == "stats" && event.ID == id && event.Stats != nil, event)
	must("pause", r.Pause(ctx, id))
	state, err = r.State(ctx, id)
	want("state-paused", err == nil && state.Status == "paused", state)
	must("resume", r.Resume(ctx, id))
	limit := int64(50)
	must("update", r.Update(ctx, id, &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: limit}}))
	stats, err = statsOf(ctx, r, id)
	want("updated", err == nil && stats.Pids.Limit == uint64(limit), fmt.Sprint(err, stats))
	err = r.Delete(ctx, id, nil)
	want("delete-running", err != nil, err)
	must("kill", r.Kill(ctx, id, int(syscall.SIGKILL), &runc.KillOpts{All: true}))
	for i := 0; i < 100 && state.Status != "stopped"; i++ {
		time.Sleep(50 * time.Millisecond)
		state, err = r.State(ctx, id)
		if err != nil {
			break
		}
	}
	want("state-stopped", err == nil && state.Status == "stopped", state)
	must("delete", r.Delete(ctx, id, &runc.DeleteOpts{}))
	_, err = r.State(ctx, id)
	want("gone", err != nil, err)
	status, err := r.Run(ctx, id, bundle+"/short", &runc.CreateOpts{IO: nullIO()})
	want("run-status", status == 7, err)
}
