// SPDX-License-Identifier: Apache-2.0

// Peer is a ttrpc client and server of another make, to hold our C against: it shares our .proto files and nothing else.
package main

import (
	"fmt"
	"os"
)

const usage = `usage: peer client ADDRESS ROOTFS   a container's life; ADDRESS is unix:///PATH or hvsock:///PATH:PORT,
                                    ROOTFS is a directory as the agent sees it
       peer server SOCKET           answer until a signal ends it
`

func main() {
	switch {
	case len(os.Args) == 4 && os.Args[1] == "client":
		os.Exit(runClient(os.Args[2], os.Args[3]))
	case len(os.Args) == 3 && os.Args[1] == "server":
		os.Exit(runServer(os.Args[2]))
	}
	fmt.Fprint(os.Stderr, usage)
	os.Exit(2)
}
