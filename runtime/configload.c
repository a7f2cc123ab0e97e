/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/configload.h"

#include <string.h>

#include "runtime/annotation.h"
#include "runtime/locate.h"

/* What the file says is told with the file's name. */
static int read_file(const char *given, struct configfile *file, struct config *c, struct err *err)
{
	int r = configfile_read(given, file, err);

	if (r == 0)
		r = config_init(c, err);
	if (r < 0)
		return r;
	r = config_read(c, file->tree, err);
	if (r < 0)
		(void)err_wrap(err, "configuration '%s'", file->path);
	return r;
}

/* What stands in the file, or was put over it. */
static const char *source_of(const struct oci_pairs *annotations)
{
	for (size_t i = 0; annotations && i < annotations->n; i++)
		if (strncmp(annotations->v[i].key, ANNOTATION_PREFIX, strlen(ANNOTATION_PREFIX)) == 0)
			return " with the container's annotations";
	return "";
}

int configload(const char *given, const struct oci_pairs *annotations, struct configfile *file, struct config *c,
               struct err *err)
{
	const struct config_host host = config_host_now();
	int r = read_file(given, file, c, err);

	if (r == 0 && annotations)
		r = annotation_apply(c, annotations, err);
	if (r == 0)
		r = locate_defaults(c, err);
	if (r < 0)
		return r;
	r = config_check(c, &host, err);
	return r < 0 ? err_wrap(err, "configuration '%s'%s", file->path, source_of(annotations)) : 0;
}
