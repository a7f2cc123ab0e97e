#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The gauntlet (tests/gauntlet) as a script of this ring. Not with the sanitizers (Makefile): it takes minutes there.
exec "$(dirname "$0")/../gauntlet/run" --ring
