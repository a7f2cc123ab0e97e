// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/containerd/ttrpc"
	"google.golang.org/protobuf/proto"
	"kata/grpc"
)

const callTimeout = 20 * time.Second

type client struct {
	ttrpc    *ttrpc.Client
	rootfs   string
	failures int
}

func (c *client) check(name string, test func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	if err := test(ctx); err != nil {
		c.failures++
		fmt.Printf("not ok %s: %v\n", name, err)
		return
	}
	fmt.Printf("ok %s\n", name)
}

func runClient(address, rootfs string) int {
	conn, err := dial(address)
	if err != nil {
		fmt.Printf("not ok connect: %v\n", err)
		return 1
	}
	c := &client{ttrpc: ttrpc.NewClient(conn), rootfs: rootfs}
	defer c.ttrpc.Close()
	c.check("health", c.testHealth)
	if c.failures > 0 {
		return 1
	}
	return 0
}

// health and agent call a method and fill reply.
func (c *client) health(ctx context.Context, method string, request, reply proto.Message) error {
	return c.ttrpc.Call(ctx, "grpc.Health", method, envelope{request}, envelope{reply})
}

func (c *client) agent(ctx context.Context, method string, request, reply proto.Message) error {
	return c.ttrpc.Call(ctx, "grpc.AgentService", method, envelope{request}, envelope{reply})
}

func (c *client) testHealth(ctx context.Context) error {
	var reply grpc.HealthCheckResponse
	if err := c.health(ctx, "Check", &grpc.CheckRequest{}, &reply); err != nil {
		return err
	}
	if reply.Status != grpc.HealthCheckResponse_SERVING {
		return fmt.Errorf("status %v", reply.Status)
	}
	var version grpc.VersionCheckResponse
	if err := c.health(ctx, "Version", &grpc.CheckRequest{}, &version); err != nil {
		return err
	}
	if version.GrpcVersion != "0.0.1" || version.AgentVersion == "" {
		return fmt.Errorf("versions %q, %q", version.GrpcVersion, version.AgentVersion)
	}
	return nil
}
