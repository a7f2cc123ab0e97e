// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

const (
	dialTries = 100
	dialPause = 100 * time.Millisecond
)

// dial connects to unix:///PATH or hvsock:///PATH:PORT. The far end of hvsock closes without a byte until the guest listens.
func dial(address string) (net.Conn, error) {
	if path := strings.TrimPrefix(address, "unix://"); path != address {
		return net.Dial("unix", path)
	}
	rest := strings.TrimPrefix(address, "hvsock://")
	colon := strings.LastIndexByte(rest, ':')
	if rest == address || colon < 0 {
		return nil, fmt.Errorf("address %q is neither unix:///PATH nor hvsock:///PATH:PORT", address)
	}
	var err error
	for i := 0; i < dialTries; i++ {
		var conn net.Conn
		if conn, err = dialHybrid(rest[:colon], rest[colon+1:]); err == nil {
			return conn, nil
		}
		time.Sleep(dialPause)
	}
	return nil, err
}

func dialHybrid(path, port string) (net.Conn, error) {
	conn, err := net.Dial("unix", path)
	if err != nil {
		return nil, err
	}
	if _, err = fmt.Fprintf(conn, "CONNECT %s\n", port); err != nil {
		conn.Close()
		return nil, err
	}
	line := make([]byte, 0, 64)
	for len(line) < cap(line) {
		b := make([]byte, 1) // the next byte may already be a frame's
		if _, err = conn.Read(b); err != nil {
			conn.Close()
			return nil, err
		}
		if b[0] == '\n' {
			break
		}
		line = append(line, b[0])
	}
	if !strings.HasPrefix(string(line), "OK ") {
		conn.Close()
		return nil, errors.New("connect: told " + string(line))
	}
	return conn, nil
}
