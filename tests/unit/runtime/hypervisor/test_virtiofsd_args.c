/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hypervisor/virtiofsd_args.h"

#include "lib/buf.h"
#include "tests/lib/unit.h"

static void both_generations(void **state)
{
	char extra0[] = "--thread-pool-size=1", *extra[] = { extra0, NULL };
	const struct {
		struct virtiofsd_args args;
		const char *expected;
	} table[] = {
		{ { "/usr/lib/qemu/virtiofsd", "/r/fs.sock", "/r/shared", "auto", NULL, true },
		  "/usr/lib/qemu/virtiofsd --socket-path=/r/fs.sock -o source=/r/shared -o "
		  "sandbox=namespace,cache=auto,xattr,log_level=warn -f" },
		{ { "/usr/lib/qemu/virtiofsd", "/r/fs.sock", "/r/shared", "none", extra, false },
		  "/usr/lib/qemu/virtiofsd --socket-path=/r/fs.sock -o source=/r/shared -o "
		  "sandbox=chroot,cache=none,xattr,log_level=warn -f --thread-pool-size=1" },
		{ { "/usr/libexec/virtiofsd", "/r/fs.sock", "/r/shared", "auto", extra, true },
		  "/usr/libexec/virtiofsd --socket-path /r/fs.sock --shared-dir /r/shared --sandbox namespace --cache "
		  "auto --announce-submounts --xattr --log-level warn --thread-pool-size=1" },
		{ { "/usr/lib/qemu/virtiofsd", "/r/fs.sock", "/r/shared", "never", NULL, true },
		  "/usr/lib/qemu/virtiofsd --socket-path=/r/fs.sock -o source=/r/shared -o "
		  "sandbox=namespace,cache=none,xattr,log_level=warn -f" },
		{ { "/usr/libexec/virtiofsd", "/r/fs.sock", "/r/shared", "none", NULL, true },
		  "/usr/libexec/virtiofsd --socket-path /r/fs.sock --shared-dir /r/shared --sandbox namespace --cache "
		  "never --announce-submounts --xattr --log-level warn" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		_autoarena_ struct arena arena = { 0 };
		_autobuf_ struct buf text = BUF_INIT;
		char **v = virtiofsd_args(&arena, &table[i].args);

		assert_non_null(v);
		for (size_t k = 0; v[k]; k++)
			assert_int_equal(buf_printf(&text, "%s%s", k > 0 ? " " : "", v[k]), 0);
		assert_string_equal(buf_str(&text), table[i].expected);
	}
}

int test_virtiofsd_args(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_generations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
