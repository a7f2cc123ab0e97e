/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handlers, one per method, in files by group, and what they share: finding things by the names in a request, with
 * the status codes that the hosts know. Each handler answers or parks the call that it is given.
 */
#pragma once

#include "agent/rpc/call.h"

struct container;
struct process;

/* health.c: Check is always SERVING, Version tells ours. */
void rpc_health_check(struct rpc_call *call);
void rpc_health_version(struct rpc_call *call);

/* sandbox.c */
void rpc_create_sandbox(struct rpc_call *call);
void rpc_destroy_sandbox(struct rpc_call *call);
void rpc_get_guest_details(struct rpc_call *call);

/* container.c */
void rpc_create_container(struct rpc_call *call);
void rpc_start_container(struct rpc_call *call);
void rpc_remove_container(struct rpc_call *call);
void rpc_update_container(struct rpc_call *call);
void rpc_pause_container(struct rpc_call *call);
void rpc_resume_container(struct rpc_call *call);

/* stats.c */
void rpc_stats_container(struct rpc_call *call);

/* process.c */
void rpc_exec_process(struct rpc_call *call);
void rpc_signal_process(struct rpc_call *call);
void rpc_wait_process(struct rpc_call *call);
void rpc_tty_win_resize(struct rpc_call *call);

/* stdio.c */
void rpc_write_stdin(struct rpc_call *call);
void rpc_close_stdin(struct rpc_call *call);
void rpc_read_stdout(struct rpc_call *call);
void rpc_read_stderr(struct rpc_call *call);

/* oom.c */
void rpc_get_oom_event(struct rpc_call *call);

/* network.c */
void rpc_update_interface(struct rpc_call *call);
void rpc_update_routes(struct rpc_call *call);
void rpc_list_interfaces(struct rpc_call *call);
void rpc_list_routes(struct rpc_call *call);
void rpc_add_arp_neighbors(struct rpc_call *call);

/* iptables.c */
void rpc_get_iptables(struct rpc_call *call);
void rpc_set_iptables(struct rpc_call *call);

/* volume.c */
void rpc_remove_stale_virtiofs_share_mounts(struct rpc_call *call);
void rpc_update_ephemeral_mounts(struct rpc_call *call);
void rpc_get_volume_stats(struct rpc_call *call);

/* file.c */
void rpc_copy_file(struct rpc_call *call);

/* metrics.c */
void rpc_get_metrics(struct rpc_call *call);

/* machine.c */
void rpc_set_guest_date_time(struct rpc_call *call);
void rpc_reseed_random_dev(struct rpc_call *call);
void rpc_online_cpu_mem(struct rpc_call *call);
void rpc_mem_hotplug_by_probe(struct rpc_call *call);
void rpc_add_swap(struct rpc_call *call);
void rpc_add_swap_path(struct rpc_call *call);
void rpc_mem_agent(struct rpc_call *call); /* both methods */

/* setpolicy.c */
void rpc_set_policy(struct rpc_call *call);

/* diag.c */
void rpc_get_diagnostic_data(struct rpc_call *call);

/* guest.c: GetDiagnosticData's log type "guest", our extension: what the agent and the guest hold (guestinfo.h). */
void rpc_reply_guest(struct rpc_call *call);

/* Answers GetDiagnosticData with the processes of a container (agent/processlist.h). */
void rpc_reply_processes(struct rpc_call *call, const struct container *c);

/* The container; else the call is failed with this code and text, and NULL. */
struct container *rpc_find_container(struct rpc_call *call, const char *id, int code, const char *text);

/*
 * The process, for Wait, Read*, CloseStdin, TtyWinResize and Signal; else the call is failed (INVALID_ARGUMENT for the
 * container, NOT_FOUND for the process), and NULL.
 */
struct process *rpc_find_process(struct rpc_call *call, const char *container_id, const char *exec_id);
