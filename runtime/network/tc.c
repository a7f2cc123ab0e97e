/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/network/tc.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/tc_act/tc_mirred.h>

#define INGRESS_HANDLE TC_H_MAKE(TC_H_INGRESS, 0)
#define PRIORITY       1

struct nlmsghdr *tc_build_ingress(struct netlink_request *request, uint16_t type, uint16_t flags, int index)
{
	struct nlmsghdr *message = netlink_begin(request, type, flags, sizeof(struct tcmsg));
	struct tcmsg *header = mnl_nlmsg_get_payload(message);

	header->tcm_family = AF_UNSPEC;
	header->tcm_ifindex = index;
	header->tcm_handle = INGRESS_HANDLE;
	header->tcm_parent = TC_H_INGRESS;
	mnl_attr_put_strz(message, TCA_KIND, "ingress");
	return message;
}

/* u32 with a key that everything fits: matchall came later, and not every kernel is built with it. */
struct nlmsghdr *tc_build_redirect(struct netlink_request *request, int from, int to)
{
	struct nlmsghdr *message =
		netlink_begin(request, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct tcmsg));
	struct tcmsg *header = mnl_nlmsg_get_payload(message);
	const struct tc_mirred mirred = { .action = TC_ACT_STOLEN,
		                          .eaction = TCA_EGRESS_REDIR,
		                          .ifindex = (uint32_t)to };
	_Alignas(struct tc_u32_sel) uint8_t all[sizeof(struct tc_u32_sel) + sizeof(struct tc_u32_key)] = { 0 };
	struct tc_u32_sel *sel = (struct tc_u32_sel *)all;
	struct nlattr *options, *actions, *action, *parameters;

	sel->flags = TC_U32_TERMINAL;
	sel->nkeys = 1;
	header->tcm_family = AF_UNSPEC;
	header->tcm_ifindex = from;
	header->tcm_parent = INGRESS_HANDLE;
	header->tcm_info = TC_H_MAKE(PRIORITY << 16, htons(ETH_P_ALL));
	mnl_attr_put_strz(message, TCA_KIND, "u32");
	options = mnl_attr_nest_start(message, TCA_OPTIONS);
	mnl_attr_put(message, TCA_U32_SEL, sizeof(all), all);
	actions = mnl_attr_nest_start(message, TCA_U32_ACT);
	action = mnl_attr_nest_start(message, 1);
	mnl_attr_put_strz(message, TCA_ACT_KIND, "mirred");
	parameters = mnl_attr_nest_start(message, TCA_ACT_OPTIONS);
	mnl_attr_put(message, TCA_MIRRED_PARMS, sizeof(mirred), &mirred);
	mnl_attr_nest_end(message, parameters);
	mnl_attr_nest_end(message, action);
	mnl_attr_nest_end(message, actions);
	mnl_attr_nest_end(message, options);
	return message;
}

int tc_add_ingress(struct netlink *nl, int index, struct err *err)
{
	struct netlink_request request;

	return netlink_call(nl, tc_build_ingress(&request, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, index), err);
}

int tc_redirect(struct netlink *nl, int from, int to, struct err *err)
{
	struct netlink_request request;

	return netlink_call(nl, tc_build_redirect(&request, from, to), err);
}

int tc_remove_ingress(struct netlink *nl, int index, struct err *err)
{
	struct netlink_request request;

	return netlink_call(nl, tc_build_ingress(&request, RTM_DELQDISC, 0, index), err);
}
