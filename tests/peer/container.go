// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/types/known/emptypb"
	"kata/grpc"
)

var path = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}

func mount(destination, kind, source string, options ...string) *grpc.Mount {
	return &grpc.Mount{Destination: destination, Type: kind, Source: source, Options: options}
}

func (c *client) spec(id string, args []string) *grpc.Spec {
	return &grpc.Spec{
		Version:  "1.0.2",
		Hostname: id,
		Root:     &grpc.Root{Path: c.rootfs},
		Process:  &grpc.Process{Args: args, Cwd: "/", Env: path, User: &grpc.User{}},
		Mounts: []*grpc.Mount{
			mount("/proc", "proc", "proc", "nosuid", "noexec", "nodev"),
			mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
			mount("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"),
		},
		Linux: &grpc.Linux{
			CgroupsPath: "/peer/" + id,
			Namespaces: []*grpc.LinuxNamespace{
				{Type: "ipc"}, {Type: "uts"}, {Type: "mount"},
			},
		},
	}
}

// start makes and starts a container; as containerd's shim, with the container's id for the exec id.
func (c *client) start(ctx context.Context, id string, args ...string) error {
	request := &grpc.CreateContainerRequest{ContainerId: id, ExecId: id, OCI: c.spec(id, args)}
	if err := c.agent(ctx, "CreateContainer", request, &emptypb.Empty{}); err != nil {
		return err
	}
	return c.agent(ctx, "StartContainer", &grpc.StartContainerRequest{ContainerId: id}, &emptypb.Empty{})
}

func (c *client) exec(ctx context.Context, id, exec string, terminal bool, args ...string) error {
	return c.agent(ctx, "ExecProcess", &grpc.ExecProcessRequest{
		ContainerId: id,
		ExecId:      exec,
		Process:     &grpc.Process{Args: args, Cwd: "/", Env: path, User: &grpc.User{}, Terminal: terminal},
	}, &emptypb.Empty{})
}

func (c *client) remove(ctx context.Context, id string) error {
	return c.agent(ctx, "RemoveContainer", &grpc.RemoveContainerRequest{ContainerId: id}, &emptypb.Empty{})
}

func (c *client) signal(ctx context.Context, id, exec string, number uint32) error {
	request := &grpc.SignalProcessRequest{ContainerId: id, ExecId: exec, Signal: number}
	return c.agent(ctx, "SignalProcess", request, &emptypb.Empty{})
}

// wait is nil if the process ends with this code.
func (c *client) wait(ctx context.Context, id, exec string, code int32) error {
	var reply grpc.WaitProcessResponse
	if err := c.agent(ctx, "WaitProcess", &grpc.WaitProcessRequest{ContainerId: id, ExecId: exec}, &reply); err != nil {
		return err
	}
	if reply.Status != code {
		return fmt.Errorf("%s/%s ended with %d instead of %d", id, exec, reply.Status, code)
	}
	return nil
}

func (c *client) write(ctx context.Context, id, exec string, data []byte) error {
	var reply grpc.WriteStreamResponse
	request := &grpc.WriteStreamRequest{ContainerId: id, ExecId: exec, Data: data}
	if err := c.agent(ctx, "WriteStdin", request, &reply); err != nil {
		return err
	}
	if reply.Len != uint32(len(data)) {
		return fmt.Errorf("WriteStdin took %d of %d bytes", reply.Len, len(data))
	}
	return nil
}

func (c *client) closeStdin(ctx context.Context, id, exec string) error {
	request := &grpc.CloseStdinRequest{ContainerId: id, ExecId: exec}
	return c.agent(ctx, "CloseStdin", request, &emptypb.Empty{})
}

// read collects a stream to its end; method is ReadStdout or ReadStderr.
func (c *client) read(ctx context.Context, method, id, exec string) ([]byte, error) {
	var all []byte
	for {
		var reply grpc.ReadStreamResponse
		request := &grpc.ReadStreamRequest{ContainerId: id, ExecId: exec, Len: 32 << 10}
		if err := c.agent(ctx, method, request, &reply); err != nil || len(reply.Data) == 0 {
			return all, err
		}
		if len(reply.Data) > 32<<10 {
			return all, errors.New(method + ": more bytes than were asked for")
		}
		all = append(all, reply.Data...)
	}
}

// output is nil if the process says this on stdout, up to its end.
func (c *client) output(ctx context.Context, id, exec, want string) error {
	got, err := c.read(ctx, "ReadStdout", id, exec)
	if err == nil && string(got) != want {
		err = fmt.Errorf("%s/%s said %q instead of %q", id, exec, got, want)
	}
	return err
}

// all runs every step until the first error.
func all(steps ...func() error) error {
	for i, step := range steps {
		if err := step(); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	return nil
}
