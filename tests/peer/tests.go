// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
	"kata/grpc"
	"kata/types"
)

func (c *client) testSandbox(ctx context.Context) error {
	err := c.agent(ctx, "CreateSandbox", &grpc.CreateSandboxRequest{Hostname: "peer", SandboxId: "peer"}, &emptypb.Empty{})
	if err != nil && !strings.Contains(err.Error(), "exist") {
		return err
	}
	err = c.agent(ctx, "CreateSandbox", &grpc.CreateSandboxRequest{Hostname: "peer", SandboxId: "peer"}, &emptypb.Empty{})
	return expectCode(err, codes.Internal, "exist")
}

func (c *client) testGuestDetails(ctx context.Context) error {
	var reply grpc.GuestDetailsResponse
	request := &grpc.GuestDetailsRequest{MemBlockSize: true, MemHotplugProbe: true}
	if err := c.agent(ctx, "GetGuestDetails", request, &reply); err != nil {
		return err
	}
	d := reply.AgentDetails
	if d == nil || d.Version == "" || !d.InitDaemon || !d.SupportsSeccomp || len(d.StorageHandlers) == 0 {
		return fmt.Errorf("told %v", &reply)
	}
	return nil
}

// As containerd does it: both outputs are read from the start, Wait is parked all along, input comes in between.
func (c *client) testLife(ctx context.Context) error {
	const id = "peer-life"
	input := bytes.Repeat([]byte("0123456789abcde\n"), 160<<10) // 2.5 MiB in one call
	if err := c.start(ctx, id, "sh", "-c", "cat; echo to stderr >&2; exit 3"); err != nil {
		return err
	}
	var out, stderr []byte
	done := make(chan error, 3)
	go func() { done <- c.wait(ctx, id, "", 3) }()
	go func() {
		var err error
		out, err = c.read(ctx, "ReadStdout", id, id)
		done <- err
	}()
	go func() {
		var err error
		stderr, err = c.read(ctx, "ReadStderr", id, "")
		done <- err
	}()
	err := all(
		func() error { return c.testHealth(ctx) },
		func() error { return c.write(ctx, id, id, input) },
		func() error { return c.closeStdin(ctx, id, id) },
		func() error { return c.closeStdin(ctx, id, id) },
		func() error { return <-done },
		func() error { return <-done },
		func() error { return <-done },
		func() error { return c.wait(ctx, id, id, 3) },
		func() error { return c.output(ctx, id, id, "") },
		func() error { return c.remove(ctx, id) },
		func() error { return expectCode(c.remove(ctx, id), codes.Internal, "Invalid container id") },
	)
	if err == nil && !bytes.Equal(out, input) {
		err = fmt.Errorf("%d bytes came back of %d, or others", len(out), len(input))
	}
	if err == nil && string(stderr) != "to stderr\n" {
		err = fmt.Errorf("on stderr %q", stderr)
	}
	return err
}

// sleeper runs a test with a container that does nothing.
func (c *client) sleeper(ctx context.Context, id string, steps ...func() error) error {
	if err := c.start(ctx, id, "sleep", "1000"); err != nil {
		return err
	}
	err := all(steps...)
	if e := c.remove(ctx, id); e != nil && err == nil {
		err = e
	}
	return err
}

func (c *client) testExec(ctx context.Context) error {
	const id = "peer-exec"
	return c.sleeper(ctx, id,
		func() error { return c.exec(ctx, id, "e1", false, "sh", "-c", "echo out; exit 5") },
		func() error { return c.output(ctx, id, "e1", "out\n") },
		func() error { return c.wait(ctx, id, "e1", 5) },
		func() error { return c.wait(ctx, id, "e1", 5) },
		func() error { return c.exec(ctx, id, "e2", false, "sh", "-c", "read line; echo \"<$line>\"") },
		func() error { return c.write(ctx, id, "e2", []byte("input\n")) },
		func() error { return c.output(ctx, id, "e2", "<input>\n") },
		func() error { return c.wait(ctx, id, "e2", 0) },
		func() error { return c.exec(ctx, id, "e3", false, "sleep", "1000") },
		func() error {
			return expectCode(c.exec(ctx, id, "e3", false, "true"), codes.Internal, "e3")
		},
		func() error {
			return expectCode(c.exec(ctx, id, "e4", false, "no-such-program"), codes.Internal, "no-such-program")
		},
		func() error { return expectCode(c.wait(ctx, id, "e4", 0), codes.NotFound, "Process not found") },
		func() error { return c.exec(ctx, id, "e4", false, "true") }, // the id is free again
		func() error { return c.wait(ctx, id, "e4", 0) },
		func() error {
			return expectCode(c.resize(ctx, id, "e3", 1, 1), codes.Unavailable, "no tty")
		},
	)
}

func (c *client) resize(ctx context.Context, id, exec string, rows, columns uint32) error {
	request := &grpc.TtyWinResizeRequest{ContainerId: id, ExecId: exec, Row: rows, Column: columns}
	return c.agent(ctx, "TtyWinResize", request, &emptypb.Empty{})
}

func (c *client) testTerminal(ctx context.Context) error {
	const id = "peer-tty"
	return c.sleeper(ctx, id,
		func() error {
			return c.exec(ctx, id, "t", true, "sh", "-c", "stty -echo; read line; stty size; exit 4")
		},
		func() error { return c.resize(ctx, id, "t", 33, 77) },
		func() error { return c.write(ctx, id, "t", []byte("\n")) },
		func() error {
			out, err := c.read(ctx, "ReadStdout", id, "t")
			if !strings.Contains(string(out), "33 77\r\n") {
				return fmt.Errorf("said %q, then %v", out, err)
			}
			return nil
		},
		func() error { return c.wait(ctx, id, "t", 4) },
	)
}

func (c *client) testSignal(ctx context.Context) error {
	const id = "peer-signal"
	return c.sleeper(ctx, id,
		func() error { return c.exec(ctx, id, "s1", false, "sleep", "1000") },
		func() error { return c.exec(ctx, id, "s2", false, "sleep", "1000") },
		func() error { return c.signal(ctx, id, "s1", 15) },
		func() error { return c.wait(ctx, id, "s1", 128+15) },
		func() error { return c.signal(ctx, id, "", 9) },
		func() error { return c.wait(ctx, id, id, 128+9) },
		func() error { return c.wait(ctx, id, "s2", 128+9) },
		func() error { return expectCode(c.signal(ctx, id, "", 1000), codes.InvalidArgument, "1000") },
	)
}

func (c *client) testPause(ctx context.Context) error {
	const id = "peer-pause"
	return c.sleeper(ctx, id,
		func() error {
			return c.agent(ctx, "PauseContainer", &grpc.PauseContainerRequest{ContainerId: id}, &emptypb.Empty{})
		},
		func() error {
			return expectCode(c.exec(ctx, id, "p", false, "true"), codes.Internal, "paused")
		},
		func() error {
			return c.agent(ctx, "ResumeContainer", &grpc.ResumeContainerRequest{ContainerId: id}, &emptypb.Empty{})
		},
		func() error { return c.exec(ctx, id, "p", false, "true") },
		func() error { return c.wait(ctx, id, "p", 0) },
	)
}

func (c *client) testStats(ctx context.Context) error {
	const id = "peer-stats"
	return c.sleeper(ctx, id, func() error {
		var reply grpc.StatsContainerResponse
		request := &grpc.StatsContainerRequest{ContainerId: id}
		if err := c.agent(ctx, "StatsContainer", request, &reply); err != nil {
			return err
		}
		if reply.GetCgroupStats().GetCpuStats().GetCpuUsage().GetTotalUsage() == 0 {
			return fmt.Errorf("no CPU time in %v", &reply)
		}
		return nil
	})
}

// A call given up by its deadline leaves the connection and the process alone.
func (c *client) testDeadline(ctx context.Context) error {
	const id = "peer-deadline"
	return c.sleeper(ctx, id,
		func() error {
			short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
			defer cancel()
			err := c.wait(short, id, "", 0)
			if errors.Is(err, context.DeadlineExceeded) {
				return nil
			}
			return expectCode(err, codes.DeadlineExceeded, "")
		},
		func() error { return c.testHealth(ctx) },
		func() error { return c.signal(ctx, id, "", 9) },
		func() error { return c.wait(ctx, id, "", 128+9) },
	)
}

// Twenty execs and their streams at once on one connection, and a Check between every two of them.
func (c *client) testConcurrent(ctx context.Context) error {
	const id, n = "peer-many", 20
	return c.sleeper(ctx, id, func() error {
		done := make(chan error, n)
		parked := make(chan error, 1)
		go func() { parked <- c.wait(ctx, id, "", 128+9) }()
		for i := 0; i < n; i++ {
			exec, code := fmt.Sprintf("m%d", i), int32(i)
			go func() {
				done <- all(
					func() error { return c.exec(ctx, id, exec, false, "sh", "-c", fmt.Sprintf("cat; exit %d", code)) },
					func() error { return c.testHealth(ctx) },
					func() error { return c.write(ctx, id, exec, []byte(exec)) },
					func() error { return c.closeStdin(ctx, id, exec) },
					func() error { return c.output(ctx, id, exec, exec) },
					func() error { return c.wait(ctx, id, exec, code) },
				)
			}()
		}
		for i := 0; i < n; i++ {
			if err := <-done; err != nil {
				return err
			}
		}
		if err := c.signal(ctx, id, "", 9); err != nil {
			return err
		}
		return <-parked
	})
}

func (c *client) testUnknownNames(ctx context.Context) error {
	const no, id = "peer-nothing", "peer-known"
	containers := []struct {
		method  string
		request proto.Message
		code    codes.Code
		text    string
	}{
		{"StartContainer", &grpc.StartContainerRequest{ContainerId: no}, codes.Internal, "Invalid container id"},
		{"RemoveContainer", &grpc.RemoveContainerRequest{ContainerId: no}, codes.Internal, "Invalid container id"},
		{"ExecProcess", &grpc.ExecProcessRequest{ContainerId: no, ExecId: "x"}, codes.Internal, "Invalid container id"},
		{"SignalProcess", &grpc.SignalProcessRequest{ContainerId: no, Signal: 15}, codes.InvalidArgument, "Invalid container id"},
		{"SignalProcess", &grpc.SignalProcessRequest{ContainerId: no, Signal: 9}, codes.Internal, "Invalid container id " + no},
		{"WaitProcess", &grpc.WaitProcessRequest{ContainerId: no}, codes.InvalidArgument, "Invalid container id"},
		{"UpdateContainer", &grpc.UpdateContainerRequest{ContainerId: no}, codes.InvalidArgument, "invalid container id"},
		{"StatsContainer", &grpc.StatsContainerRequest{ContainerId: no}, codes.InvalidArgument, "invalid container id"},
		{"PauseContainer", &grpc.PauseContainerRequest{ContainerId: no}, codes.InvalidArgument, "invalid container id"},
		{"ResumeContainer", &grpc.ResumeContainerRequest{ContainerId: no}, codes.InvalidArgument, "invalid container id"},
		{"WriteStdin", &grpc.WriteStreamRequest{ContainerId: no, Data: []byte("x")}, codes.Internal, "Invalid container id"},
		{"ReadStdout", &grpc.ReadStreamRequest{ContainerId: no, Len: 1}, codes.InvalidArgument, "Invalid container id"},
		{"ReadStderr", &grpc.ReadStreamRequest{ContainerId: no, Len: 1}, codes.InvalidArgument, "Invalid container id"},
		{"CloseStdin", &grpc.CloseStdinRequest{ContainerId: no}, codes.InvalidArgument, "Invalid container id"},
		{"TtyWinResize", &grpc.TtyWinResizeRequest{ContainerId: no}, codes.InvalidArgument, "Invalid container id"},
		{"SignalProcess", &grpc.SignalProcessRequest{ContainerId: id, ExecId: no, Signal: 9}, codes.NotFound, "invalid exec id"},
		{"WaitProcess", &grpc.WaitProcessRequest{ContainerId: id, ExecId: no}, codes.NotFound, "invalid exec id"},
		{"WriteStdin", &grpc.WriteStreamRequest{ContainerId: id, ExecId: no, Data: []byte("x")}, codes.Internal, "invalid exec id"},
		{"ReadStdout", &grpc.ReadStreamRequest{ContainerId: id, ExecId: no, Len: 1}, codes.NotFound, "invalid exec id"},
		{"ReadStderr", &grpc.ReadStreamRequest{ContainerId: id, ExecId: no, Len: 1}, codes.NotFound, "invalid exec id"},
		{"CloseStdin", &grpc.CloseStdinRequest{ContainerId: id, ExecId: no}, codes.NotFound, "invalid exec id"},
		{"TtyWinResize", &grpc.TtyWinResizeRequest{ContainerId: id, ExecId: no}, codes.NotFound, "invalid exec id"},
	}
	return c.sleeper(ctx, id, func() error {
		for _, row := range containers {
			err := c.agent(ctx, row.method, row.request, &emptypb.Empty{})
			if err = expectCode(err, row.code, row.text); err != nil {
				return fmt.Errorf("%s: %w", row.method, err)
			}
		}
		return nil
	})
}

func (c *client) testNetwork(ctx context.Context) error {
	var list grpc.Interfaces
	if err := c.agent(ctx, "ListInterfaces", &grpc.ListInterfacesRequest{}, &list); err != nil {
		return err
	}
	for _, i := range list.Interfaces {
		if i.Name == "" {
			return fmt.Errorf("a link has no name: %v", i)
		}
	}
	if err := c.agent(ctx, "ListRoutes", &grpc.ListRoutesRequest{}, &grpc.Routes{}); err != nil {
		return err
	}
	missing := &types.Interface{Name: "eth9", Device: "eth9", HwAddr: "02:00:00:00:00:99"}
	rows := []struct {
		method  string
		request proto.Message
		code    codes.Code
		text    string
	}{
		{"UpdateInterface", &grpc.UpdateInterfaceRequest{}, codes.InvalidArgument, "empty update interface request"},
		{"UpdateRoutes", &grpc.UpdateRoutesRequest{}, codes.InvalidArgument, "empty update routes request"},
		{"AddARPNeighbors", &grpc.AddARPNeighborsRequest{}, codes.InvalidArgument, "empty add arp neighbours request"},
		{"UpdateInterface", &grpc.UpdateInterfaceRequest{Interface: missing}, codes.Internal, "Link not found"},
	}
	for _, row := range rows {
		err := c.agent(ctx, row.method, row.request, &types.Interface{})
		if err = expectCode(err, row.code, row.text); err != nil {
			return fmt.Errorf("%s: %w", row.method, err)
		}
	}
	return nil
}
