# SPDX-License-Identifier: Apache-2.0
# One Makefile for everything; `make help` tells the way. Objects live in build/VARIANT.

VERSION   := $(shell cat VERSION)
VARIANT   ?= gcc
B         := build/$(VARIANT)
GEN       := build/gen
PREFIX    ?= /usr/local
SHELL     := bash
MAKEFLAGS += --no-builtin-rules

CC := $(if $(filter clang fuzz,$(VARIANT)),clang,gcc)
EXTRA_asan := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -DSANITIZED
EXTRA_fault := -DSYS_FAULT
EXTRA_faultasan = $(EXTRA_asan) -DSYS_FAULT
EXTRA_fuzz := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -DSANITIZED
EXTRA := $(EXTRA_$(VARIANT))

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wswitch-enum -Wvla -Wimplicit-fallthrough
ifdef CI
WARN += -Werror
endif
PKGS := libprotobuf-c libseccomp libcap blkid json-c libmnl
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
CPPFLAGS := -D_GNU_SOURCE -Ulinux -Uunix -I. -I$(GEN) -DKATA_VERSION='"$(VERSION)"' $(PKG_CFLAGS)
CFLAGS ?= -O2 -g
CFLAGS_ALL = -std=gnu11 $(CFLAGS) $(WARN) -fstack-protector-strong -ffunction-sections -fdata-sections $(EXTRA) -MMD -MP
LDFLAGS_ALL = -Wl,--gc-sections -Wl,--as-needed -Wl,-z,relro,-z,now $(EXTRA) $(LDFLAGS)
LIBS := -lprotobuf-c -lseccomp -lcap -lblkid -ljson-c -lmnl

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-8s %s\n' $(1) $(2);)

PROTOS := $(wildcard proto/*.proto)
GEN_C := $(PROTOS:proto/%.proto=$(GEN)/proto/%.pb-c.c) $(addprefix $(GEN)/google/protobuf/,any.pb-c.c empty.pb-c.c)
sources = $(sort $(foreach d,$(1),$(wildcard $(d)/*.c)))
objects = $(patsubst %.c,$(B)/%.o,$(1))
SRC := $(call sources,lib proto client agent agent/* ctl ctl/conformance runk runtime runtime/*)
MAINS := $(wildcard agent/main.c ctl/main.c runk/main.c runtime/main.c)
UNIT_DIRS := $(sort $(dir $(wildcard tests/unit/*/*.c tests/unit/*/*/*.c)))
UNIT_RUN := $(UNIT_DIRS:%/=$(B)/%/run)
FUZZERS := $(patsubst %.c,$(B)/%,$(wildcard tests/fuzz/fuzz_*.c))
REPLAYERS := $(FUZZERS:$(B)/tests/fuzz/fuzz_%=$(B)/tests/fuzz/replay_%)
TOOLS := $(patsubst %.c,$(B)/%,$(wildcard tests/tools/*.c))
PROGRAMS := $(patsubst %/kata-runk,%/bin/runk,$(patsubst %/kata-ctl,%/kata-agent-ctl,$(MAINS:%/main.c=$(B)/kata-%)))
HELPERS := $(B)/kata-toml
ARCHIVES := $(B)/libagent.a $(B)/libproto.a $(B)/libkata.a

all: $(PROGRAMS) $(HELPERS) $(ARCHIVES)  ## build the programs

help:  ## this list
	@grep -hE '^[a-z-]+:.*  ## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*  ## /\1\t/' | expand -t 16

$(GEN)/proto/%.pb-c.c $(GEN)/proto/%.pb-c.h: proto/%.proto
	@mkdir -p $(GEN)/proto
	$(call say,PROTOC,$<)protoc-c --proto_path=. --proto_path=/usr/include --c_out=$(GEN) $<

$(GEN)/google/protobuf/%.pb-c.c $(GEN)/google/protobuf/%.pb-c.h: /usr/include/google/protobuf/%.proto
	@mkdir -p $(GEN)
	$(call say,PROTOC,$*.proto)protoc-c --proto_path=/usr/include --c_out=$(GEN) google/protobuf/$*.proto
$(GEN)/done: $(GEN_C)
	@touch $@

# Other flags are another build: what was compiled without -Werror does not count with it.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(CC) $(CPPFLAGS) $(CFLAGS) $(WARN) $(EXTRA))' > $@.$$$$ && { cmp -s $@.$$$$ $@ && rm $@.$$$$ || mv $@.$$$$ $@; }

$(B)/gen/%.o: $(GEN)/%.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CPPFLAGS) $(filter-out -Wshadow -Wformat=2,$(CFLAGS_ALL)) -c $< -o $@

$(B)/%.o: %.c $(B)/flags | $(GEN)/done
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CPPFLAGS) $(CFLAGS_ALL) -c $< -o $@

ARCHIVE = $(call say,AR,$@)mkdir -p $(@D) && rm -f $@ && ar rcs $@ $^
$(B)/libproto.a: $(GEN_C:$(GEN)/%.c=$(B)/gen/%.o)
archive = $(eval $(B)/lib$(1).a: $(call objects,$(2)); $$(ARCHIVE))
$(call archive,kata,$(filter lib/%,$(SRC)))
$(call archive,test,$(call sources,tests/lib))
$(foreach m,proto client agent ctl runk runtime,$(call archive,$(m),$(filter-out $(m)/main.c,$(filter $(m)/%,$(SRC)))))

LINK = $(call say,LD,$@)mkdir -p $(@D) && $(CC) $(CFLAGS) $(LDFLAGS_ALL) $(filter %.o,$^) $(filter %.a,$^) $(LIBS) -o $@
$(B)/kata-agent: $(B)/agent/main.o $(ARCHIVES)
$(B)/kata-agent-ctl: $(B)/ctl/main.o $(B)/libctl.a $(B)/libclient.a $(B)/libproto.a $(B)/libkata.a
$(B)/bin/runk: $(B)/runk/main.o $(B)/librunk.a $(B)/libagent.a $(B)/libkata.a
$(B)/kata-runtime: $(B)/runtime/main.o $(B)/libruntime.a $(B)/libclient.a $(B)/libproto.a $(B)/libkata.a
$(B)/kata-agent-ctl $(B)/tests/%: LIBS += -ledit # for its prompt; no other program has it
$(B)/bin/runk: LIBS := -Wl,-Bstatic -lseccomp -lcap -ljson-c -Wl,-Bdynamic # it starts four times a container: half of a start was ld.so
$(PROGRAMS):
	$(LINK)
$(B)/kata-toml: runtime/kata_toml.cc $(B)/flags
	$(call say,CXX,$@)$(CXX) -std=c++17 $(CFLAGS) -Wall -Wextra -Wshadow $(if $(CI),-Werror) -DNDEBUG -MMD -MP $< -ljson-c -o $@

# A test file's one public function is called by a generated main and needs no header.
$(B)/tests/unit/%.o $(B)/tests/seeded/%.o: CFLAGS_ALL += -Wno-missing-prototypes
# One program per directory of unit tests; its main is made from the names of the test_ files, others are their helpers.
# A file `wrap` there lists the functions that its tests replace.
.SECONDEXPANSION:
$(B)/tests/unit/%/run.c: $$(wildcard tests/unit/$$*/*.c) tests/unit/$$*
	@mkdir -p $(@D)
	@tests/lib/unit-main $(filter test_%,$(basename $(notdir $^))) > $@
$(B)/tests/unit/%/run: $$(call objects,$$(wildcard tests/unit/$$*/*.c)) $(B)/tests/unit/%/run.c $(ARCHIVES) $(B)/libtest.a
	$(call say,LD,$@)$(CC) $(CPPFLAGS) $(filter-out -MMD -MP -Wmissing-prototypes,$(CFLAGS_ALL)) $(LDFLAGS_ALL) \
	  $(patsubst %,-Wl$(comma)--wrap=%,$(shell cat tests/unit/$*/wrap 2>/dev/null)) $(filter %.o %.c,$^) \
	  -Wl,--start-group $(filter-out $(if $(findstring /unit/runtime,$@),%/libagent.a),$(filter %.a,$^)) -Wl,--end-group $(LIBS) -lcmocka -o $@
comma := ,
$(foreach m,client ctl ctl/conformance runk runtime runtime/hypervisor runtime/network runtime/hostcgroup,$(eval $(B)/tests/unit/$(m)/run: $(B)/lib$(firstword $(subst /, ,$(m))).a $(B)/libclient.a))
$(B)/tests/unit/runtime/run: $(B)/kata-toml
check-unit: $(UNIT_RUN)  ## unit tests; T=name runs one file's
	@tests/lib/unit-run $(if $(T),--only $(T)) $(UNIT_RUN)
$(B)/tests/fuzz/fuzz_%: $(B)/tests/fuzz/fuzz_%.o $(B)/libctl.a $(B)/libclient.a $(ARCHIVES)
	$(LINK) -fsanitize=fuzzer
$(B)/tests/fuzz/replay_%: $(B)/tests/fuzz/fuzz_%.o $(B)/tests/fuzz/replay.o $(B)/libctl.a $(B)/libclient.a $(ARCHIVES)
	$(LINK)
check-corpus: $(REPLAYERS)  ## replay the fuzzers' corpus without a fuzzer
	@tests/lib/corpus-run tests/fuzz/corpus $(REPLAYERS)
fuzz:  ## fuzz every parser, FUZZ_SECONDS (60) in all
	@$(MAKE) VARIANT=fuzz run-fuzzers
run-fuzzers: $(FUZZERS)
	@tests/fuzz/run $(B) $(FUZZERS)
$(B)/tests/tools/%: $(B)/tests/tools/%.o $(B)/libtest.a $(B)/libctl.a $(B)/libclient.a $(B)/libproto.a $(B)/libkata.a
	$(LINK)

# The agent with faults to choose from, which the conformance kit has to find; both with a defence less, for the gauntlet.
$(B)/tests/seeded/kata-agent: $(B)/tests/seeded/seeded.o $(B)/agent/main.o $(ARCHIVES) tests/seeded/wrap
WEAK := $(B)/tests/seeded/weak-runk $(B)/tests/seeded/weak-agent
$(WEAK): $(B)/tests/seeded/weak-%: $(B)/%/main.o $(B)/tests/seeded/weak.o $(B)/librunk.a $(ARCHIVES) tests/seeded/wrap-weak
$(B)/tests/seeded/kata-agent $(WEAK):
	$(LINK) $(patsubst %,-Wl$(comma)--wrap=%,$(shell cat $(filter tests/seeded/wrap%,$^)))
gauntlet: all $(WEAK)  ## every known way out of a container, one row each; as root
	@KATA_BUILD=$(CURDIR)/$(B) tests/gauntlet/run
FAULT := $(if $(filter %asan,$(VARIANT)),faultasan,fault)
check-fault:  ## a container's life with the k-th kernel call failing; K=all tries every k with every error
	@$(MAKE) -s VARIANT=$(FAULT) all $(addprefix build/$(FAULT)/tests/tools/,faultdrive faultrun)
	@KATA_FAULT_BUILD=$(CURDIR)/build/$(FAULT) tests/lib/ring $(FAULT) tests/integration/fault.sh

# The modules in the initrd must fit the kernel that boots it, so a new kernel makes a new initrd.
$(B)/kernel-dir: FORCE
	@mkdir -p $(@D)
	@scripts/fetch-kernel > $@.new && { cmp -s $@.new $@ || mv $@.new $@; }
$(B)/kata.initrd: $(B)/kata-agent $(B)/kernel-dir $(wildcard rootfs-builder/*)
	$(call say,INITRD,$@)rootfs-builder/initrd --agent $< --kernel-dir "$$(cat $(B)/kernel-dir)" --output $@ > $@.manifest
	@tail -n 1 $@.manifest
initrd: $(B)/kata.initrd  ## the guest's initrd
$(B)/kata.img: $(B)/kata-agent $(B)/kernel-dir $(wildcard rootfs-builder/* rootfs-builder/units/*)
	$(call say,IMAGE,$@)rootfs-builder/image --agent $< --kernel-dir "$$(cat $(B)/kernel-dir)" --output $@ --boot-initrd $(B)/kata-boot.initrd
image: $(B)/kata.img  ## the guest's image with systemd; needs root
rootfs: initrd image  ## every guest image
demo:  ## boot a guest and run a container in it
	@scripts/install-deps build vm
	@$(MAKE) all initrd
	@scripts/demo --build $(B)
RING = KATA_BUILD=$(CURDIR)/$(B) tests/lib/ring
check-integration: all $(TOOLS) $(B)/tests/seeded/kata-agent $(WEAK)  ## the real agent behind a fence, as root; T=name runs one script
	@$(RING) integration $(filter-out %/fault.sh $(if $(filter %asan,$(VARIANT)),%/gauntlet.sh %/runk_engines.sh %/selfexec.sh),$(wildcard tests/integration/*.sh))
check-vm: all initrd $(B)/tests/seeded/kata-agent  ## the initrd in a VM; T=name runs one script
	@$(RING) vm $(filter-out $(if $(KATA_CHECK_FRESH),%systemd.sh),$(wildcard tests/vm/*.sh))
check-image: all  ## what boots the image with systemd: it can be made on a machine, not in a clean root on one
	@$(RING) image $(wildcard tests/vm/*systemd.sh)
check-stack: all initrd  ## a host in a VM: systemd, cgroup v2, KVM, vhost-vsock, podman; as root; T=name runs one script
	@RING_TIMEOUT=$${RING_TIMEOUT:-2000} $(RING) stack $(wildcard tests/stack/*.sh)
bench: all initrd $(addprefix $(B)/tests/tools/,stopwatch pulse footprint)  ## ratios to crun and runc, memory and sizes; as root
	@KATA_BUILD=$(CURDIR)/$(B) tests/bench/run
check:  ## the README's test command: every ring, one summary line
	@scripts/install-deps build vm check
	+@tests/lib/check gcc:check-unit clang:check-unit check-corpus check-integration check-fault $(if $(wildcard tests/vm/*.sh),check-vm)
asan:  ## unit tests, corpus, integration and faults with address and undefined-behaviour sanitizers
	+@tests/lib/check asan:check-unit asan:check-corpus asan:check-integration asan:check-fault
everything: all $(UNIT_RUN) $(REPLAYERS) $(TOOLS)
# The object knows by its .d which headers it hangs on.
build/tidy/%.ok: build/gcc/%.o .clang-tidy scripts/lint-hints.h
	@mkdir -p $(@D)
	$(call say,TIDY,$*.c)clang-tidy --quiet $*.c -- -std=gnu11 $(CPPFLAGS) $(if $(filter lib/err,$*),,-include scripts/lint-hints.h) 2>/dev/null
	@touch $@
tidy: $(patsubst %.c,build/tidy/%.ok,$(SRC))
lint:  ## warnings of two compilers, clang-tidy, cppcheck, shellcheck, headers alone, arrows, format
	+@scripts/lint
format:  ## clang-format everything
	@clang-format -i $$(git ls-files '*.[ch]' '*.cc')
metrics:  ## the figures of the house style; fails over a limit
	@scripts/metrics
ci:  ## what CI runs
	@scripts/install-deps build vm check
	+@CI=1 FUZZ_SECONDS=$${FUZZ_SECONDS:-30} tests/lib/check lint metrics check-fresh check-image asan fuzz
install: all initrd  ## DESTDIR= PREFIX=: programs, guest, configuration, docs
	@scripts/install-files $(B) "$(DESTDIR)" "$(PREFIX)" $(PROGRAMS) -- $(HELPERS)
dist:  ## the committed tree as a tarball
	@mkdir -p build && git archive --prefix=kata-c-$(VERSION)/ -o build/kata-c-$(VERSION).tar.gz HEAD && echo build/kata-c-$(VERSION).tar.gz
check-fresh:  ## the README's commands in a clean Debian root, which must have all that the tests want
	@tests/lib/check-fresh
clean:  ## remove what was built
	rm -rf build
-include $(shell find $(B) -name '*.d' 2>/dev/null)
.PHONY: image all help check check-unit check-corpus check-fault check-integration check-vm check-stack check-image asan everything tidy lint format metrics bench ci fuzz run-fuzzers install dist initrd rootfs demo gauntlet check-fresh clean FORCE
.SECONDARY:
