// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net"
	"os"

	"github.com/containerd/ttrpc"
	"google.golang.org/protobuf/proto"
	"kata/grpc"
)

// method makes a ttrpc method of a function on messages; request is a fresh one for every call.
func method[R proto.Message](fresh func() R, handle func(context.Context, R) (proto.Message, error)) ttrpc.Method {
	return func(ctx context.Context, unmarshal func(interface{}) error) (interface{}, error) {
		request := fresh()
		if err := unmarshal(envelope{request}); err != nil {
			return nil, err
		}
		reply, err := handle(ctx, request)
		if err != nil {
			return nil, err
		}
		return envelope{reply}, nil
	}
}

func newCheck() *grpc.CheckRequest { return &grpc.CheckRequest{} }

func check(context.Context, *grpc.CheckRequest) (proto.Message, error) {
	return &grpc.HealthCheckResponse{Status: grpc.HealthCheckResponse_SERVING}, nil
}

func version(context.Context, *grpc.CheckRequest) (proto.Message, error) {
	return &grpc.VersionCheckResponse{GrpcVersion: "0.0.1", AgentVersion: "of-another-make"}, nil
}

func runServer(path string) int {
	server, err := ttrpc.NewServer()
	if err == nil {
		var listener net.Listener
		if listener, err = net.Listen("unix", path); err == nil {
			server.Register("grpc.Health", map[string]ttrpc.Method{
				"Check":   method(newCheck, check),
				"Version": method(newCheck, version),
			})
			err = server.Serve(context.Background(), listener)
		}
	}
	fmt.Fprintf(os.Stderr, "peer: %v\n", err)
	return 1
}
