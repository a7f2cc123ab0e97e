/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory of the test's own, as a setup/teardown pair: *state is a struct tempdir. It is removed without the help
 * of the code under test.
 */
#pragma once

struct tempdir {
	int fd;
	char path[64];
};

/* Makes the directory; cmocka setup function. */
int tempdir_setup(void **state);

/* Removes it with all that is in it; cmocka teardown function. */
int tempdir_teardown(void **state);

/* Writes a file below the directory, making it if need be; fails the test if it can't. */
void tempdir_write(const struct tempdir *dir, const char *name, const char *text);
