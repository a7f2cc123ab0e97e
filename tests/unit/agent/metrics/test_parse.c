/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/metrics/parse.h"

#include <stdio.h>
#include <unistd.h>

#include "tests/lib/unit.h"

/* A process of a name that tries to look like fields. */
#define STAT                                                                                                           \
	"17 (kata ) 1 (x) R 1 17 17 0 -1 4194304 500 600 0 0 110 20 3 4 20 0 5 0 1000 4952064 3 18446744073709551615 " \
	"1 1 0 0 0 0 0\n"

struct row {
	metrics_parse parse;
	const char *text, *expected;
};

static const struct row rows[] = {
	{ metrics_parse_threads, STAT, "f 5\n" },
	{ metrics_parse_total_vm, STAT, "f 4952064\n" },
	{ metrics_parse_proc_stat, STAT,
	  "f{item=\"utime\"} 110\nf{item=\"stime\"} 20\nf{item=\"cutime\"} 3\nf{item=\"cstime\"} 4\n" },
	{ metrics_parse_threads, "17 (cut) R 1", "" },
	{ metrics_parse_threads, "", "" },
	{ metrics_parse_total_time, "no parenthesis", "" },
	{ metrics_parse_proc_status,
	  "Name:\tkata-agent\nUmask:\t0022\nVmPeak:\t    4836 kB\nRssAnon:\t     300 kB\nHugetlbPages:\t       0 kB\n"
	  "Threads:\t1\nvoluntary_ctxt_switches:\t36\nnonvoluntary_ctxt_switches:\t60\nVmX:\n",
	  "f{item=\"vmpeak\"} 4836\nf{item=\"rssanon\"} 300\nf{item=\"hugetlbpages\"} 0\n"
	  "f{item=\"voluntary_ctxt_switches\"} 36\nf{item=\"nonvoluntary_ctxt_switches\"} 60\n" },
	{ metrics_parse_pairs, "rchar: 3063539\ncancelled_write_bytes: 0\n",
	  "f{item=\"rchar\"} 3063539\nf{item=\"cancelled_write_bytes\"} 0\n" },
	{ metrics_parse_pairs, "nr_free_pages 5000\nbad\nnr_x y\npgpgin 7",
	  "f{item=\"nr_free_pages\"} 5000\nf{item=\"pgpgin\"} 7\n" },
	{ metrics_parse_load, "4.14 4.57 5.08 8/139 4711\n",
	  "f{item=\"load1\"} 4.14\nf{item=\"load5\"} 4.57\nf{item=\"load15\"} 5.08\n" },
	{ metrics_parse_tasks, "4.14 4.57 5.08 8/139 4711\n", "f{item=\"cur\"} 8\nf{item=\"max\"} 139\n" },
	{ metrics_parse_tasks, "4.14\n", "" },
	{ metrics_parse_cpu_time, "cpu  10 20 30 40 50 60 70 80 90 100\ncpu3 1 2 3 4\nintr 5 6\n",
	  "f{cpu=\"total\",item=\"user\"} 10\nf{cpu=\"total\",item=\"nice\"} 20\nf{cpu=\"total\",item=\"system\"} 30\n"
	  "f{cpu=\"total\",item=\"idle\"} 40\nf{cpu=\"total\",item=\"iowait\"} 50\nf{cpu=\"total\",item=\"irq\"} 60\n"
	  "f{cpu=\"total\",item=\"softirq\"} 70\nf{cpu=\"total\",item=\"steal\"} 80\nf{cpu=\"total\",item=\"guest\"} "
	  "90\n"
	  "f{cpu=\"total\",item=\"guest_nice\"} 100\nf{cpu=\"3\",item=\"user\"} 1\nf{cpu=\"3\",item=\"nice\"} 2\n"
	  "f{cpu=\"3\",item=\"system\"} 3\nf{cpu=\"3\",item=\"idle\"} 4\n" },
	{ metrics_parse_netdev,
	  "Inter-|   Receive                                                |  Transmit\n"
	  " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls "
	  "carrier compressed\n"
	  "  eth0:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n",
	  "f{interface=\"eth0\",item=\"recv_bytes\"} 1\nf{interface=\"eth0\",item=\"recv_packets\"} 2\n"
	  "f{interface=\"eth0\",item=\"recv_errs\"} 3\nf{interface=\"eth0\",item=\"recv_drop\"} 4\n"
	  "f{interface=\"eth0\",item=\"recv_fifo\"} 5\nf{interface=\"eth0\",item=\"recv_frame\"} 6\n"
	  "f{interface=\"eth0\",item=\"recv_compressed\"} 7\nf{interface=\"eth0\",item=\"recv_multicast\"} 8\n"
	  "f{interface=\"eth0\",item=\"sent_bytes\"} 9\nf{interface=\"eth0\",item=\"sent_packets\"} 10\n"
	  "f{interface=\"eth0\",item=\"sent_errs\"} 11\nf{interface=\"eth0\",item=\"sent_drop\"} 12\n"
	  "f{interface=\"eth0\",item=\"sent_fifo\"} 13\nf{interface=\"eth0\",item=\"sent_colls\"} 14\n"
	  "f{interface=\"eth0\",item=\"sent_carrier\"} 15\nf{interface=\"eth0\",item=\"sent_compressed\"} 16\n" },
	{ metrics_parse_diskstats, " 254       0 vda 1 2 3 4\n   7 0 loop0\n",
	  "f{disk=\"vda\",item=\"reads\"} 1\nf{disk=\"vda\",item=\"merged\"} 2\nf{disk=\"vda\",item=\"sectors_read\"} "
	  "3\n"
	  "f{disk=\"vda\",item=\"time_reading\"} 4\n" },
	{ metrics_parse_meminfo,
	  "MemTotal:        2048 kB\nActive(anon):       1 kB\nSReclaimable:       2 kB\nKReclaimable: 3 "
	  "kB\nSUnreclaim: 4 kB\n"
	  "NFS_Unstable: 5 kB\nCommitted_AS: 6 kB\nAnonHugePages: 7 kB\nHugePages_Total: 8\nHugepagesize: 9 kB\n"
	  "DirectMap4k: 10 kB\nDirectMap2M: 11 kB\nPercpu: 12 kB\nWritebackTmp: 13 kB\n",
	  "f{item=\"mem_total\"} 2097152\nf{item=\"active_anon\"} 1024\nf{item=\"s_reclaimable\"} 2048\n"
	  "f{item=\"k_reclaimable\"} 3072\nf{item=\"s_unreclaim\"} 4096\nf{item=\"nfs_unstable\"} 5120\n"
	  "f{item=\"committed_as\"} 6144\nf{item=\"anon_hugepages\"} 7168\nf{item=\"hugepages_total\"} 8\n"
	  "f{item=\"hugepagesize\"} 9216\nf{item=\"direct_map_4k\"} 10240\nf{item=\"direct_map_2m\"} 11264\n"
	  "f{item=\"per_cpu\"} 12288\nf{item=\"writeback_tmp\"} 13312\n" },
};

static void files_become_samples(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_autobuf_ struct buf out = BUF_INIT;
		struct metrics m = { .out = &out, .family = "f" };

		rows[i].parse(&m, rows[i].text);
		assert_int_equal(m.r, 0);
		assert_string_equal(buf_str(&out), rows[i].expected);
	}
}

static void units_of_the_machine(void **state)
{
	_autobuf_ struct buf out = BUF_INIT;
	struct metrics m = { .out = &out, .family = "f" };
	char expected[128];
	long hz = sysconf(_SC_CLK_TCK);

	(void)state;
	metrics_parse_total_time(&m, STAT);
	metrics_parse_total_rss(&m, STAT);
	(void)snprintf(expected, sizeof(expected), "f %ld.%02ld\nf %ld\n", 130 / hz, 130 % hz * 100 / hz,
	               3 * sysconf(_SC_PAGESIZE));
	assert_string_equal(buf_str(&out), expected);
}

int test_parse(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_become_samples),
		cmocka_unit_test(units_of_the_machine),
	};

	return cmocka_run_group_tests_name("metrics parse", tests, NULL, NULL);
}
