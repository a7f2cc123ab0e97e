/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/options.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/addr.h"
#include "lib/kstr.h"

#define DEFAULT_SERVER_ADDR "vsock://-1:1024"
#define COMPLAINT_MAX       256

enum option_kind {
	OPTION_FLAG,   /* the bare word */
	OPTION_BOOL,   /* word or word=BOOL */
	OPTION_NUMBER, /* 1..UINT32_MAX; 0 is left alone silently */
	OPTION_PORT,   /* 0..UINT32_MAX, 0 = off */
	OPTION_ADDR,
	OPTION_LEVEL,
	OPTION_TEXT,  /* not empty */
	OPTION_ALL,   /* word=all; other values mean something to the kernel, not to us */
	OPTION_KNOWN, /* tolerated, not acted on */
};

struct option {
	const char *name;
	enum option_kind kind;
	size_t offset;
};

#define AT(member) offsetof(struct options, member)
static const struct option table[] = {
	{ "agent.log", OPTION_LEVEL, AT(log_level) },
	{ "agent.server_addr", OPTION_ADDR, AT(server_addr) },
	{ "agent.debug_console", OPTION_FLAG, AT(debug_console) },
	{ "agent.debug_console_vport", OPTION_NUMBER, AT(debug_console_vport) },
	{ "agent.devmode", OPTION_FLAG, AT(dev_mode) },
	{ "agent.trace", OPTION_BOOL, AT(trace) },
	{ "agent.log_vport", OPTION_NUMBER, AT(log_vport) },
	{ "agent.ready_vport", OPTION_NUMBER, AT(ready_vport) },
	{ "agent.stream_vport", OPTION_PORT, AT(stream_vport) },
	{ "agent.passfd_listener_port", OPTION_NUMBER, AT(passfd_port) },
	{ "agent.container_pipe_size", OPTION_NUMBER, AT(container_pipe_size) },
	{ "agent.hotplug_timeout", OPTION_NUMBER, AT(hotplug_timeout_s) },
	{ "agent.cdi_timeout", OPTION_NUMBER, AT(cdi_timeout_s) },
	{ "systemd.unified_cgroup_hierarchy", OPTION_BOOL, AT(unified) },
	{ "agent.unified_cgroup_hierarchy", OPTION_BOOL, AT(unified) },
	{ "cgroup_no_v1", OPTION_ALL, AT(no_v1) },
	{ "agent.policy_file", OPTION_TEXT, AT(policy_file) },
	{ "agent.config_file", OPTION_TEXT, AT(config_file) },
	{ "agent.cdh_api_timeout", OPTION_KNOWN, 0 },
	{ "agent.image_pull_timeout", OPTION_KNOWN, 0 },
	{ "agent.launch_process_timeout", OPTION_KNOWN, 0 },
	{ "agent.visible_cdi_devices", OPTION_KNOWN, 0 },
	{ "agent.https_proxy", OPTION_KNOWN, 0 },
	{ "agent.no_proxy", OPTION_KNOWN, 0 },
	{ "agent.guest_components_rest_api", OPTION_KNOWN, 0 },
	{ "agent.guest_components_procs", OPTION_KNOWN, 0 },
	{ "agent.secure_storage_integrity", OPTION_KNOWN, 0 },
	{ "agent.mem_agent_enable", OPTION_KNOWN, 0 },
};

void options_init(struct options *o)
{
	*o = (struct options){
		.log_level = LOG_LEVEL_INFO, .hotplug_timeout_s = 3, .cdi_timeout_s = 100, .unified = true
	};
	o->stream_vport = KSTR_PORT;
	arena_init(&o->arena, 0);
	o->server_addr = DEFAULT_SERVER_ADDR;
}

void options_done(struct options *o)
{
	arena_done(&o->arena);
}

/* "true"/"false", or an integer (not 0 = true); anything else is false, as upstream reads it. */
static bool parse_bool(const char *text)
{
	return strcmp(text, "true") == 0 || strtol(text, NULL, 10) != 0;
}

static int parse_number(const char *text, bool zero, uint32_t *ret)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end != '\0' || errno != 0 || n > UINT32_MAX)
		return -EINVAL;
	if (n > 0 || zero)
		*ret = (uint32_t)n;
	return 0;
}

static int set_addr(struct options *o, const char *value)
{
	struct addr addr;
	char *copy;
	int r = addr_parse(&addr, value, NULL);

	if (r < 0)
		return r;
	copy = arena_strdup(&o->arena, value);
	if (!copy)
		return -ENOMEM;
	o->server_addr = copy;
	return 0;
}

static int set_text(struct options *o, const char *value, const char **where)
{
	char *copy = value[0] ? arena_strdup(&o->arena, value) : NULL;

	if (!copy)
		return value[0] ? -ENOMEM : -EINVAL;
	*where = copy;
	return 0;
}

static int set_level(struct options *o, const char *value)
{
	int level = log_level_parse(value);

	if (level < 0)
		return level;
	o->log_level = (enum log_level)level;
	return 0;
}

static int apply(struct options *o, const struct option *option, const char *value)
{
	void *where = (char *)o + option->offset;

	switch (option->kind) {
	case OPTION_FLAG:
		if (value)
			return -EINVAL;
		*(bool *)where = true;
		return 0;
	case OPTION_BOOL:
		*(bool *)where = !value || parse_bool(value);
		return 0;
	case OPTION_NUMBER:
	case OPTION_PORT:
		return value ? parse_number(value, option->kind == OPTION_PORT, where) : -EINVAL;
	case OPTION_ADDR:
		return value ? set_addr(o, value) : -EINVAL;
	case OPTION_LEVEL:
		return value ? set_level(o, value) : -EINVAL;
	case OPTION_TEXT:
		return value ? set_text(o, value, where) : -EINVAL;
	case OPTION_ALL:
		*(bool *)where |= value && strcmp(value, "all") == 0;
		return 0;
	case OPTION_KNOWN:
		return 0;
	}
	return -EINVAL;
}

_printf_(2, 3) static void say(void (*complain)(const char *), const char *fmt, ...)
{
	char text[COMPLAINT_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	complain(text);
}

static const struct option *find(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (strlen(table[i].name) == len && strncmp(table[i].name, name, len) == 0)
			return &table[i];
	return NULL;
}

static void parse_word(struct options *o, const char *word, void (*complain)(const char *text))
{
	const char *equals = strchr(word, '=');
	const struct option *option = find(word, equals ? (size_t)(equals - word) : strlen(word));

	if (option && apply(o, option, equals ? equals + 1 : NULL) < 0)
		say(complain, "Bad value in '%s' on the kernel command line, keeping the default", word);
	else if (!option && strncmp(word, "agent.", 6) == 0 && strncmp(word, "agent.mem_agent_", 16) != 0) {
		o->unknown++;
		say(complain, "Unknown word '%s' on the kernel command line, ignoring", word);
	}
}

void options_parse_cmdline(struct options *o, const char *cmdline, void (*complain)(const char *text))
{
	_autofree_ char *copy = strdup(cmdline);
	char *rest = copy;
	const char *word;

	if (!copy) {
		complain("No memory to read the kernel command line, keeping the defaults");
		return;
	}
	/* As upstream: the file takes the place of all that comes after it. */
	while (!o->config_file && (word = strsep(&rest, " \t\n")))
		if (*word)
			parse_word(o, word, complain);
}

int options_set(struct options *o, const char *name, const char *value)
{
	const struct option *option = find(name, strlen(name));

	if (!option)
		return -ENOENT;
	if (option->kind != OPTION_FLAG)
		return apply(o, option, value);
	if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
		return -EINVAL;
	*(bool *)((char *)o + option->offset) = strcmp(value, "true") == 0;
	return 0;
}

void options_parse_env(struct options *o, char *(*get)(const char *name), void (*complain)(const char *text))
{
	static const struct option variables[] = {
		{ "KATA_AGENT_SERVER_ADDR", OPTION_ADDR, AT(server_addr) },
		{ "KATA_AGENT_LOG_LEVEL", OPTION_LEVEL, AT(log_level) },
		{ "KATA_AGENT_POLICY_FILE", OPTION_TEXT, AT(policy_file) },
		{ "KATA_AGENT_TRACING", OPTION_BOOL, AT(trace) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
		const char *value = get(variables[i].name);

		if (value && apply(o, &variables[i], value) < 0)
			say(complain, "Bad value '%s' of %s in the environment, keeping the default", value,
			    variables[i].name);
	}
}
