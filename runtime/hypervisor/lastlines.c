/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hypervisor/lastlines.h"

#include <stdio.h>
#include <string.h>

#define STAGE "kata-agent: boot "

static void keep(char to[LASTLINES_LINE_MAX + 1], const char *line)
{
	(void)snprintf(to, LASTLINES_LINE_MAX + 1, "%s", line);
}

static bool is_trouble(const char *line)
{
	static const char *const words[] = { "Kernel panic", "Unable to mount root fs", "No working init",
		                             "not syncing", "Out of memory" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strstr(line, words[i]))
			return true;
	return false;
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
	l->is_panic = strstr(l->part, "Kernel panic") != NULL;
	keep(l->lines[l->n++ % LASTLINES_MAX], l->part);
	stage = strstr(l->part, STAGE);
	if (stage) {
		keep(l->stage, stage + strlen(STAGE));
		l->is_listening = l->is_listening || strstr(stage, "listening on ");
	}
	if (l->trouble[0] == '\0' && is_trouble(l->part))
		keep(l->trouble, l->part);
}

void lastlines_feed(struct lastlines *l, const char *data, size_t n)
{
	for (size_t i = 0; i < n; i++) {
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
	return l->n > 0 || l->part_len > 0 ? "the guest's kernel runs, the agent has said nothing"
	                                   : "the guest has said nothing";
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
