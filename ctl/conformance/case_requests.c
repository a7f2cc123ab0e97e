/* SPDX-License-Identifier: Apache-2.0 */
/* Each method with a payload that is no message, and with a field that a newer host may send and nothing else. */
#include "client/method.h"
#include "ctl/conformance/suites.h"
#include "ctl/conformance/wire.h"

static bool send_raw(struct conform *c, struct wire *w, const void *payload, size_t n)
{
	struct client_method m;

	if (method_find(c->method, &m) < 0)
		return conform_fail(c, "the kit knows no method '%s'", c->method);
	conform_count(c, &m);
	return wire_send(c, w,
	                 &(struct wire_request){ .stream = 1,
	                                         .service = m.service->name,
	                                         .method = m.method->name,
	                                         .payload = payload,
	                                         .len = n });
}

static bool garbage(struct conform *c)
{
	/* A tag without an end. */
	static const uint8_t payload[] = { 0xff, 0xff, 0xff };
	_autowire_ struct wire w;

	return wire_open(c, &w) && send_raw(c, &w, payload, sizeof(payload)) &&
	       wire_expect(c, &w, 1, IS_UNKNOWN | IS_INVALID | IS_UNIMPLEMENTED) && wire_check(c, &w, 3);
}

/* Field 2047, number 5. */
static bool newer(struct conform *c)
{
	static const uint8_t payload[] = { 0xf8, 0x7f, 0x05 };
	_autowire_ struct wire w;

	return wire_open(c, &w) && send_raw(c, &w, payload, sizeof(payload)) && wire_expect(c, &w, 1, c->codes) &&
	       wire_check(c, &w, 3);
}

#define GARBAGE(m)                                                                                                     \
	{                                                                                                              \
		.name = m "/garbage", REFUSED, .run = garbage                                                          \
	}
#define NEWER(kind, m, codes_)                                                                                         \
	{                                                                                                              \
		.name = m "/unknown-field-only", kind, .codes = codes_, .run = newer                                   \
	}

static const struct conform_case requests[] = {
	GARBAGE("Check"),
	GARBAGE("Version"),
	GARBAGE("CreateContainer"),
	GARBAGE("StartContainer"),
	GARBAGE("RemoveContainer"),
	GARBAGE("ExecProcess"),
	GARBAGE("SignalProcess"),
	GARBAGE("WaitProcess"),
	GARBAGE("UpdateContainer"),
	GARBAGE("UpdateEphemeralMounts"),
	GARBAGE("StatsContainer"),
	GARBAGE("PauseContainer"),
	GARBAGE("ResumeContainer"),
	GARBAGE("RemoveStaleVirtiofsShareMounts"),
	GARBAGE("GetDiagnosticData"),
	GARBAGE("WriteStdin"),
	GARBAGE("ReadStdout"),
	GARBAGE("ReadStderr"),
	GARBAGE("CloseStdin"),
	GARBAGE("TtyWinResize"),
	GARBAGE("UpdateInterface"),
	GARBAGE("UpdateRoutes"),
	GARBAGE("ListInterfaces"),
	GARBAGE("ListRoutes"),
	GARBAGE("AddARPNeighbors"),
	GARBAGE("GetIPTables"),
	GARBAGE("SetIPTables"),
	GARBAGE("GetMetrics"),
	GARBAGE("MemAgentMemcgSet"),
	GARBAGE("MemAgentCompactSet"),
	GARBAGE("CreateSandbox"),
	GARBAGE("OnlineCPUMem"),
	GARBAGE("ReseedRandomDev"),
	GARBAGE("GetGuestDetails"),
	GARBAGE("MemHotplugByProbe"),
	GARBAGE("SetGuestDateTime"),
	GARBAGE("CopyFile"),
	GARBAGE("GetOOMEvent"),
	GARBAGE("AddSwap"),
	GARBAGE("AddSwapPath"),
	GARBAGE("GetVolumeStats"),
	GARBAGE("ResizeVolume"),
	GARBAGE("SetPolicy"),
	GARBAGE("DestroySandbox"),
	NEWER(WORKS, "Check", IS_OK),
	NEWER(WORKS, "Version", IS_OK),
	NEWER(WORKS, "GetGuestDetails", IS_OK),
	NEWER(WORKS, "GetMetrics", IS_OK),
	NEWER(WORKS, "ListInterfaces", IS_OK),
	NEWER(WORKS, "ListRoutes", IS_OK),
	NEWER(WORKS, "MemHotplugByProbe", IS_OK),
	NEWER(WORKS, "RemoveStaleVirtiofsShareMounts", IS_OK),
	NEWER(WORKS, "UpdateEphemeralMounts", IS_OK),
	NEWER(REFUSED, "CreateContainer", IS_REFUSED),
	NEWER(REFUSED, "StartContainer", IS_INTERNAL),
	NEWER(REFUSED, "RemoveContainer", IS_INTERNAL),
	NEWER(REFUSED, "ExecProcess", IS_REFUSED),
	NEWER(REFUSED, "SignalProcess", IS_INVALID),
	NEWER(REFUSED, "WaitProcess", IS_INVALID),
	NEWER(REFUSED, "UpdateContainer", IS_INVALID),
	NEWER(REFUSED, "StatsContainer", IS_INVALID),
	NEWER(REFUSED, "PauseContainer", IS_INVALID),
	NEWER(REFUSED, "ResumeContainer", IS_INVALID),
	NEWER(REFUSED, "WriteStdin", IS_INTERNAL),
	NEWER(REFUSED, "ReadStdout", IS_INVALID),
	NEWER(REFUSED, "ReadStderr", IS_INVALID),
	NEWER(REFUSED, "CloseStdin", IS_INVALID),
	NEWER(REFUSED, "TtyWinResize", IS_INVALID),
	NEWER(REFUSED, "UpdateInterface", IS_INVALID),
	NEWER(REFUSED, "UpdateRoutes", IS_INVALID),
	NEWER(REFUSED, "AddARPNeighbors", IS_INVALID),
	NEWER(REFUSED, "GetDiagnosticData", IS_INVALID),
	NEWER(REFUSED, "GetVolumeStats", IS_REFUSED),
	NEWER(REFUSED, "CopyFile", IS_REFUSED),
	NEWER(REFUSED, "AddSwapPath", IS_REFUSED),
	NEWER(REFUSED, "ResizeVolume", IS_UNIMPLEMENTED),
};

SUITE(conform_suite_requests, requests);
