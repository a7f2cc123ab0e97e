// SPDX-License-Identifier: Apache-2.0

package main

import "google.golang.org/protobuf/proto"

// envelope lets one message pass through every ttrpc there is in Debian: 1.1 (Debian 12) encodes by the older protobuf library,
// which cannot read the messages that protoc-gen-go makes and asks them to do it themselves; 1.2 encodes by the newer.
type envelope struct {
	proto.Message
}

func (envelope) ProtoMessage() {}

func (e envelope) Reset() { proto.Reset(e.Message) }

func (e envelope) String() string { return string(e.ProtoReflect().Descriptor().FullName()) }

func (e envelope) Marshal() ([]byte, error) { return proto.Marshal(e.Message) }

func (e envelope) Unmarshal(data []byte) error { return proto.Unmarshal(data, e.Message) }
