/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mount/options.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#define WORDS_MAX 4096 /* a page holds no more of them */

enum word_kind {
	WORD_ATTR, /* an attribute of the mount; with an "r" in front, of the tree */
	WORD_SB,   /* a flag of the file system */
	WORD_BIND,
	WORD_REMOUNT,
	WORD_IDMAP,
	WORD_COPY_UP,
	WORD_NOTHING, /* says the default, or what the kernel has forgotten (mand, iversion), or does by itself (acl) */
	WORD_REFUSED,
};

struct word {
	const char *name;
	enum word_kind kind;
	uint64_t set, clear;
};

static const struct word words[] = {
	{ "acl", WORD_NOTHING, 0, 0 },
	{ "async", WORD_SB, 0, MS_SYNCHRONOUS },
	{ "atime", WORD_ATTR, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME },
	{ "bind", WORD_BIND, 0, 0 },
	{ "defaults", WORD_NOTHING, 0, 0 },
	{ "dev", WORD_ATTR, 0, MOUNT_ATTR_NODEV },
	{ "diratime", WORD_ATTR, 0, MOUNT_ATTR_NODIRATIME },
	{ "dirsync", WORD_SB, MS_DIRSYNC, 0 },
	{ "exec", WORD_ATTR, 0, MOUNT_ATTR_NOEXEC },
	{ "idmap", WORD_IDMAP, 0, 0 },
	{ "iversion", WORD_NOTHING, 0, 0 },
	{ "lazytime", WORD_SB, MS_LAZYTIME, 0 },
	{ "loop", WORD_REFUSED, 0, 0 },
	{ "loud", WORD_NOTHING, 0, 0 },
	{ "mand", WORD_NOTHING, 0, 0 },
	{ "noacl", WORD_NOTHING, 0, 0 },
	{ "noatime", WORD_ATTR, MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME },
	{ "nodev", WORD_ATTR, MOUNT_ATTR_NODEV, 0 },
	{ "nodiratime", WORD_ATTR, MOUNT_ATTR_NODIRATIME, 0 },
	{ "noexec", WORD_ATTR, MOUNT_ATTR_NOEXEC, 0 },
	{ "noiversion", WORD_NOTHING, 0, 0 },
	{ "nolazytime", WORD_SB, 0, MS_LAZYTIME },
	{ "nomand", WORD_NOTHING, 0, 0 },
	{ "norelatime", WORD_NOTHING, 0, 0 },
	{ "nostrictatime", WORD_NOTHING, 0, 0 },
	{ "nosuid", WORD_ATTR, MOUNT_ATTR_NOSUID, 0 },
	{ "nosymfollow", WORD_ATTR, MOUNT_ATTR_NOSYMFOLLOW, 0 },
	{ "rbind", WORD_BIND, MS_REC, 0 },
	{ "relatime", WORD_ATTR, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME },
	{ "remount", WORD_REMOUNT, 0, 0 },
	{ "ridmap", WORD_IDMAP, MS_REC, 0 },
	{ "rnorelatime", WORD_NOTHING, 0, 0 },
	{ "rnostrictatime", WORD_NOTHING, 0, 0 },
	{ "ro", WORD_ATTR, MOUNT_ATTR_RDONLY, 0 },
	{ "rw", WORD_ATTR, 0, MOUNT_ATTR_RDONLY },
	{ "silent", WORD_NOTHING, 0, 0 },
	{ "strictatime", WORD_ATTR, MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME },
	{ "suid", WORD_ATTR, 0, MOUNT_ATTR_NOSUID },
	{ "symfollow", WORD_ATTR, 0, MOUNT_ATTR_NOSYMFOLLOW },
	{ "sync", WORD_SB, MS_SYNCHRONOUS, 0 },
	{ "tmpcopyup", WORD_COPY_UP, 0, 0 },
};

static const struct {
	const char *name;
	uint64_t flag;
} propagations[] = {
	{ "private", MS_PRIVATE },
	{ "shared", MS_SHARED },
	{ "slave", MS_SLAVE },
	{ "unbindable", MS_UNBINDABLE },
};

static const struct {
	uint64_t attr;
	unsigned long flag;
} classics[] = {
	{ MOUNT_ATTR_RDONLY, MS_RDONLY },         { MOUNT_ATTR_NOSUID, MS_NOSUID },
	{ MOUNT_ATTR_NODEV, MS_NODEV },           { MOUNT_ATTR_NOEXEC, MS_NOEXEC },
	{ MOUNT_ATTR_NOATIME, MS_NOATIME },       { MOUNT_ATTR_STRICTATIME, MS_STRICTATIME },
	{ MOUNT_ATTR_NODIRATIME, MS_NODIRATIME },
};

static const struct word *find_word(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(words[i].name, name) == 0)
			return &words[i];
	return NULL;
}

int mount_propagation_parse(const char *word, uint64_t *ret_flags)
{
	for (size_t i = 0; i < ARRAY_SIZE(propagations); i++) {
		if (strcmp(word, propagations[i].name) == 0) {
			*ret_flags = propagations[i].flag;
			return 0;
		}
		if (word[0] == 'r' && strcmp(word + 1, propagations[i].name) == 0) {
			*ret_flags = propagations[i].flag | MS_REC;
			return 0;
		}
	}
	return -EINVAL;
}

/* The last word wins; the kernel wants the whole atime mask cleared when one of its values is set. */
static void change_attrs(struct mount_attrs *attrs, const struct word *word)
{
	attrs->set = (attrs->set & ~word->clear) | word->set;
	attrs->clear = (attrs->clear & ~word->set) | word->clear;
}

static int apply_word(const struct word *word, const char *name, struct mount_options *o, struct err *err)
{
	switch (word->kind) {
	case WORD_ATTR:
		change_attrs(&o->top, word);
		return 0;
	case WORD_SB:
		o->sb_flags = (o->sb_flags & ~word->clear) | word->set;
		return 0;
	case WORD_BIND:
		o->bind = true;
		o->bind_tree = o->bind_tree || word->set == MS_REC;
		return 0;
	case WORD_REMOUNT:
		o->remount = true;
		return 0;
	case WORD_IDMAP:
		o->idmap = true;
		o->idmap_tree = word->set == MS_REC;
		return 0;
	case WORD_COPY_UP:
		o->copy_up = true;
		return 0;
	case WORD_NOTHING:
		return 0;
	case WORD_REFUSED:
	default:
		return err_say(err, EINVAL, "mount option '%s' is not supported", name);
	}
}

static int parse_word(struct arena *arena, const char *name, struct mount_options *o, struct err *err)
{
	const struct word *word = find_word(name);
	uint64_t propagation;

	if (word)
		return apply_word(word, name, o, err);
	if (mount_propagation_parse(name, &propagation) == 0) {
		o->propagation = propagation & ~(uint64_t)MS_REC;
		o->propagation_tree = (propagation & MS_REC) != 0;
		return 0;
	}
	word = name[0] == 'r' ? find_word(name + 1) : NULL;
	if (word && word->kind == WORD_ATTR) {
		change_attrs(&o->tree, word);
		return 0;
	}
	if (o->data.n == WORDS_MAX)
		return err_say(err, E2BIG, "more than %d mount options", WORDS_MAX);
	o->data.v[o->data.n] = arena_strdup(arena, name);
	if (!o->data.v[o->data.n])
		return err_set(err, ENOMEM, "mount option '%s'", name);
	o->data.n++;
	return 0;
}

/* Length of the first word: up to a comma that is neither quoted (SELinux labels) nor escaped (overlay's paths). */
static size_t word_length(const char *s)
{
	bool quoted = false;
	size_t i;

	for (i = 0; s[i] && (quoted || s[i] != ','); i++) {
		if (s[i] == '"')
			quoted = !quoted;
		else if (s[i] == '\\' && s[i + 1])
			i++;
	}
	return i;
}

static size_t count_words(const struct oci_strings *list)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++) {
		n++;
		for (const char *c = list->v[i]; *c; c++)
			n += *c == ',';
	}
	return n;
}

int mount_options_parse(struct arena *arena, const struct oci_strings *list, struct mount_options *ret, struct err *err)
{
	struct mount_options o = { .data.v = arena_array(arena, count_words(list) + 1, sizeof(char *)) };

	if (!o.data.v)
		return err_set(err, ENOMEM, "parse mount options");
	for (size_t i = 0; i < list->n; i++) {
		const char *s = list->v[i];

		while (*s) {
			size_t n = word_length(s);
			char *name = arena_memdup(arena, s, n);
			int r;

			if (!name)
				return err_set(err, ENOMEM, "parse mount options");
			r = n > 0 ? parse_word(arena, name, &o, err) : 0;
			if (r < 0)
				return r;
			s += n + (s[n] == ',');
		}
	}
	*ret = o;
	return 0;
}

char *mount_options_join(struct arena *arena, const struct oci_strings *data)
{
	size_t len = 1, at = 0;
	char *text;

	for (size_t i = 0; i < data->n; i++)
		len += strlen(data->v[i]) + 1;
	text = arena_alloc(arena, len);
	for (size_t i = 0; text && i < data->n; i++) {
		size_t n = strlen(data->v[i]);

		if (i > 0)
			text[at++] = ',';
		memcpy(text + at, data->v[i], n);
		at += n;
	}
	return text;
}

const char *mount_options_take(struct mount_options *options, const char *key)
{
	size_t n = strlen(key), kept = 0;
	const char *value = NULL;

	for (size_t i = 0; i < options->data.n; i++) {
		char *word = options->data.v[i];

		if (strncmp(word, key, n) == 0 && word[n] == '=')
			value = word + n + 1;
		else
			options->data.v[kept++] = word;
	}
	options->data.v[kept] = NULL;
	options->data.n = kept;
	return value;
}

unsigned long mount_options_classic(const struct mount_options *options)
{
	unsigned long flags = options->sb_flags;

	for (size_t i = 0; i < ARRAY_SIZE(classics); i++)
		if ((options->top.set & classics[i].attr) || (options->tree.set & classics[i].attr))
			flags |= classics[i].flag;
	return flags;
}
