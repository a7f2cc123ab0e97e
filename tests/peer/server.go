// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/containerd/ttrpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
	"kata/grpc"
	"kata/types"
)

const slow = 500 * time.Millisecond

// method makes a ttrpc method of a function on messages; fresh makes the message that a call is decoded into.
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

var healthMethods = map[string]ttrpc.Method{
	"Check": method(newCheck, func(context.Context, *grpc.CheckRequest) (proto.Message, error) {
		return &grpc.HealthCheckResponse{Status: grpc.HealthCheckResponse_SERVING}, nil
	}),
	"Version": method(newCheck, func(context.Context, *grpc.CheckRequest) (proto.Message, error) {
		return &grpc.VersionCheckResponse{GrpcVersion: "0.0.1", AgentVersion: "of-another-make"}, nil
	}),
}

var agentMethods = map[string]ttrpc.Method{
	// Answers late; whoever gave up by then has had its context ended.
	"WaitProcess": method(func() *grpc.WaitProcessRequest { return &grpc.WaitProcessRequest{} },
		func(ctx context.Context, r *grpc.WaitProcessRequest) (proto.Message, error) {
			select {
			case <-time.After(slow):
				return &grpc.WaitProcessResponse{Status: -7}, nil
			case <-ctx.Done():
				return nil, status.Error(codes.DeadlineExceeded, "given up")
			}
		}),
	"RemoveContainer": method(func() *grpc.RemoveContainerRequest { return &grpc.RemoveContainerRequest{} },
		func(_ context.Context, r *grpc.RemoveContainerRequest) (proto.Message, error) {
			return nil, status.Errorf(codes.NotFound, "no container %q here \u2013 timeout %d", r.ContainerId, r.Timeout)
		}),
	"ReadStdout": method(func() *grpc.ReadStreamRequest { return &grpc.ReadStreamRequest{} },
		func(_ context.Context, r *grpc.ReadStreamRequest) (proto.Message, error) {
			return &grpc.ReadStreamResponse{Data: bytes.Repeat([]byte{0xff}, int(r.Len))}, nil
		}),
	"StartContainer": method(func() *grpc.StartContainerRequest { return &grpc.StartContainerRequest{} },
		func(context.Context, *grpc.StartContainerRequest) (proto.Message, error) {
			return &emptypb.Empty{}, nil
		}),
	// What came in goes out: every kind of field that there is, both ways.
	"UpdateInterface": method(func() *grpc.UpdateInterfaceRequest { return &grpc.UpdateInterfaceRequest{} },
		func(_ context.Context, r *grpc.UpdateInterfaceRequest) (proto.Message, error) {
			if r.Interface == nil {
				return &types.Interface{}, nil
			}
			return r.Interface, nil
		}),
	"StatsContainer": method(func() *grpc.StatsContainerRequest { return &grpc.StatsContainerRequest{} },
		func(context.Context, *grpc.StatsContainerRequest) (proto.Message, error) {
			return &grpc.StatsContainerResponse{CgroupStats: &grpc.CgroupStats{
				CpuStats:     &grpc.CpuStats{CpuUsage: &grpc.CpuUsage{TotalUsage: 1 << 63, PercpuUsage: []uint64{1, 0, 300}}},
				MemoryStats:  &grpc.MemoryStats{UseHierarchy: true, Stats: map[string]uint64{"anon": 5}},
				HugetlbStats: map[string]*grpc.HugetlbStats{"2MB": {Usage: 6}},
			}}, nil
		}),
}

func runServer(path string) int {
	server, err := ttrpc.NewServer()
	if err == nil {
		var listener net.Listener
		if listener, err = net.Listen("unix", path); err == nil {
			server.Register("grpc.Health", healthMethods)
			server.Register("grpc.AgentService", agentMethods)
			err = server.Serve(context.Background(), listener)
		}
	}
	fmt.Fprintf(os.Stderr, "peer: %v\n", err)
	return 1
}
