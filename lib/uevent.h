/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's events about devices. They are a reason to look again, not a source of facts: who waits for a device
 * subscribes first, then scans /sys, then scans again with every event, so that nothing is missed whatever the order.
 */
#pragma once

/* A socket that becomes readable with every event of the kernel; the caller's, or -errno. */
int uevent_open(void);

/* Takes all events that are there off the socket; 0 also if some were lost, -errno. */
int uevent_drain(int fd);

/* Waits at most timeout_ms for events and takes them: 1 if there were any, 0 if not, -errno. For jobs only. */
int uevent_wait(int fd, int timeout_ms);
