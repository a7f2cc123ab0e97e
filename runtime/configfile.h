/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which configuration file is read, and its drop-ins. The first that exists of the default paths, unless one is given;
 * symlinks are resolved, and every entry of config.d/ beside the real file is put over it in the order of the alphabet.
 */
#pragma once

#include <json-c/json.h>
#include <stddef.h>
#include <stdio.h>

#include "lib/err.h"

struct configfile {
	char *path;     /* as it was found */
	char *real;     /* with its symlinks resolved */
	char **dropins; /* n_dropins full paths, in their order */
	size_t n_dropins;
	struct json_object *tree; /* runtime/toml.h */
};

/* Frees what configfile_read has left. */
void configfile_done(struct configfile *f);
#define _autoconfigfile_ _cleanup_(configfile_done)

/* The i-th of the default paths in the order of the search, to be freed by the caller; NULL after the last. */
char *configfile_default_path(size_t i);

/*
 * Reads the file `given` (an option's value; NULL = $KATA_CONF_FILE, then the default paths) and its drop-ins. The
 * caller passes *ret to configfile_done whatever comes back.
 */
int configfile_read(const char *given, struct configfile *ret, struct err *err);
