/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hypervisor/lastlines.h"

#include <stdio.h>
#include <string.h>

#define STAGE "kata-agent: boot "

/* Of a sequence of a terminal. */
enum {
	ESCAPE_NONE,
	ESCAPE_BEGUN,
	ESCAPE_CSI, /* parameters, until a letter ends it */
};

static void keep(char to[LASTLINES_LINE_MAX + 1], const char *line)
{
	(void)snprintf(to, LASTLINES_LINE_MAX + 1, "%s", line);
}

static bool is_trouble(const char *line)
{
	static const char *const words[] = { "Initramfs unpacking failed",
		                             "Kernel panic",
		                             "Unable to mount root fs",
		                             "No working init",
		                             "not syncing",
		                             "Out of memory" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strstr(line, words[i]))
			return true;
	return false;
}

static bool is_of_firmware(const char *line)
{
	return strncmp(line, "SeaBIOS ", 8) == 0 || strncmp(line, "Booting from ", 13) == 0;
}

/* The kernel's "[    1.234567] " says nothing to whoever reads a cause; nor does a line that a panic interrupted. */
static const char *without_time(const char *line)
{
	const char *end = line[0] == '[' ? strstr(line, "] ") : NULL, *panic = strstr(line, "Kernel panic");

	if (panic)
		return panic;
	return end && strspn(line + 1, " .0123456789") == (size_t)(end - line) - 1 ? end + 2 : line;
}

/* True for a byte that is part of a sequence. */
static bool is_in_sequence(struct lastlines *l, char byte)
{
	bool was_in = l->escape != ESCAPE_NONE;

	if (byte == '\033')
		l->escape = ESCAPE_BEGUN;
	else if (l->escape == ESCAPE_BEGUN)
		l->escape = byte == '[' ? ESCAPE_CSI : ESCAPE_NONE;
	else if (l->escape == ESCAPE_CSI && ((byte >= '@' && byte <= '~') || byte == '\n'))
		l->escape = ESCAPE_NONE;
	return was_in && byte != '\n';
}

static void end_line(struct lastlines *l)
{
	const char *stage;

	if (l->part_len == 0)
		return;
	l->part[l->part_len] = '\0';
	l->part_len = 0;
	if (l->is_panic)
		return;
	if (is_of_firmware(l->part)) {
		l->is_firmware = true;
		return;
	}
	l->is_panic = strstr(l->part, "Kernel panic") != NULL;
	keep(l->lines[l->n++ % LASTLINES_MAX], l->part);
	stage = strstr(l->part, STAGE);
	if (stage) {
		keep(l->stage, stage + strlen(STAGE));
		l->is_listening = l->is_listening || strstr(stage, "listening on ");
	}
	if (l->trouble[0] == '\0' && is_trouble(l->part))
		keep(l->trouble, without_time(l->part));
}

void lastlines_feed(struct lastlines *l, const char *data, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (is_in_sequence(l, data[i]))
			continue;
		if (data[i] == '\n')
			end_line(l);
		else if ((unsigned char)data[i] >= ' ' && data[i] != 127 && l->part_len < LASTLINES_LINE_MAX)
			l->part[l->part_len++] = data[i];
	}
}

const char *lastlines_stage(const struct lastlines *l)
{
	if (l->stage[0] != '\0')
		return l->stage;
	if (l->n > 0 || l->part_len > 0)
		return "the guest's kernel runs, the agent has said nothing";
	return l->is_firmware ? "the firmware runs, the guest's kernel has said nothing" : "the guest has said nothing";
}

const char *lastlines_panic(const struct lastlines *l)
{
	return l->is_panic ? without_time(l->lines[(l->n - 1) % LASTLINES_MAX]) : NULL;
}

const char *lastlines_cause(const struct lastlines *l, bool is_kvm)
{
	if (l->trouble[0] != '\0')
		return l->trouble;
	if (l->is_listening)
		return "the agent does not answer on vsock";
	if (l->stage[0] != '\0')
		return "the agent did not finish its start";
	if (l->n > 0 || l->part_len > 0)
		return "the initrd or image has no agent that starts, or the guest is slow (dial_timeout)";
	return is_kvm ? "kernel or initrd are none for this machine, or KVM cannot boot a guest here (accel = \"tcg\")"
	              : "kernel or initrd are none for this machine, or emulation is slow (dial_timeout)";
}

int lastlines_print(const struct lastlines *l, size_t max, struct buf *out)
{
	size_t have = l->n < LASTLINES_MAX ? l->n : LASTLINES_MAX, n = have < max ? have : max;
	int r = 0;

	for (size_t i = l->n - n; r == 0 && i < l->n; i++)
		r = buf_printf(out, " | %s", l->lines[i % LASTLINES_MAX]);
	return r;
}
