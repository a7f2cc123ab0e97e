// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/containerd/ttrpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"kata/grpc"
)

const testTimeout = 60 * time.Second

// client is one connection and the tests on it.
type client struct {
	ttrpc    *ttrpc.Client
	rootfs   string
	failures int
}

func (c *client) check(name string, test func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	if err := test(ctx); err != nil {
		c.failures++
		fmt.Printf("not ok %s: %s\n", name, strings.ReplaceAll(err.Error(), "\n", " "))
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
	c.check("metadata", c.testMetadata)
	c.check("sandbox", c.testSandbox)
	c.check("guest_details", c.testGuestDetails)
	c.check("life", c.testLife)
	c.check("exec", c.testExec)
	c.check("terminal", c.testTerminal)
	c.check("signal", c.testSignal)
	c.check("pause", c.testPause)
	c.check("stats", c.testStats)
	c.check("deadline", c.testDeadline)
	c.check("concurrent", c.testConcurrent)
	c.check("network", c.testNetwork)
	c.check("unknown_names", c.testUnknownNames)
	c.check("unknown_methods", c.testUnknownMethods)
	c.check("still_healthy", c.testHealth)
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
	err := c.ttrpc.Call(ctx, "grpc.AgentService", method, envelope{request}, envelope{reply})
	if err != nil {
		// The status stays what it is: the tests look at its code.
		return &callError{method, err}
	}
	return nil
}

type callError struct {
	method string
	err    error
}

func (e *callError) Error() string { return e.method + ": " + e.err.Error() }

func (e *callError) Unwrap() error { return e.err }

// expectCode is nil if err is an answer with this code and this text in it.
func expectCode(err error, code codes.Code, text string) error {
	if e, ok := err.(*callError); ok {
		err = e.err
	}
	s, ok := status.FromError(err)
	if err == nil || !ok || s.Code() != code || !strings.Contains(s.Message(), text) {
		return fmt.Errorf("told %v instead of %v with %q", err, code, text)
	}
	return nil
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

func (c *client) testMetadata(ctx context.Context) error {
	return c.testHealth(ttrpc.WithMetadata(ctx, ttrpc.MD{"traceparent": []string{"00-1", "00-2"}, "": []string{""}}))
}

func (c *client) testUnknownMethods(ctx context.Context) error {
	err := c.agent(ctx, "NoSuchMethod", &grpc.CheckRequest{}, &grpc.CheckRequest{})
	if err = expectCode(err, codes.Unimplemented, "grpc.AgentService/NoSuchMethod"); err != nil {
		return err
	}
	err = c.ttrpc.Call(ctx, "grpc.NoSuch", "Check", envelope{&grpc.CheckRequest{}}, envelope{&grpc.CheckRequest{}})
	return expectCode(err, codes.InvalidArgument, "grpc.NoSuch service does not exist")
}
