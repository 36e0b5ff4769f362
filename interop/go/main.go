// The peer of go-libp2p-kad-dht: one node that obeys commands on its standard input.
// ../README.md describes its flags and lines.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"kadmium.invalid/interop/lines"
)

const usageCode = 2

func main() {
	options, err := parseFlags(os.Args[1:], os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(usageCode)
	}
	if err := run(options, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		if errors.Is(err, lines.ErrTooLong) {
			os.Exit(usageCode)
		}
		os.Exit(1)
	}
}

func run(options options, in io.Reader, out io.Writer) error {
	node, err := startPeer(options)
	if err != nil {
		return err
	}
	defer node.close()
	server := lines.NewServer(out, node.commands())
	if err := server.Write(node.greeting()); err != nil {
		return err
	}
	return server.Serve(context.Background(), in)
}

type options struct {
	listen   []string
	server   bool
	protocol string
	k        int
}

const (
	kMax = 20
	// What the library appends to a prefix of ours.
	protocolSuffix = "/kad/1.0.0"
)

func parseFlags(args []string, usage io.Writer) (options, error) {
	parsed := options{server: true}
	flags := flag.NewFlagSet("interop", flag.ContinueOnError)
	flags.SetOutput(usage)
	flags.Func("listen", "multiaddr to listen on, repeatable (default /ip4/127.0.0.1/tcp/0)", func(address string) error {
		parsed.listen = append(parsed.listen, address)
		return nil
	})
	flags.Func("mode", "server or client (default server)", func(mode string) error {
		if mode != "server" && mode != "client" {
			return errors.New("neither server nor client")
		}
		parsed.server = mode == "server"
		return nil
	})
	flags.StringVar(&parsed.protocol, "protocol", "/ipfs"+protocolSuffix, "the whole protocol id")
	flags.IntVar(&parsed.k, "k", kMax, "bucket size, 1 to 20")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	if flags.NArg() > 0 {
		return options{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if parsed.k < 1 || parsed.k > kMax {
		return options{}, fmt.Errorf("--k %d is not within 1 and %d", parsed.k, kMax)
	}
	if !strings.HasPrefix(parsed.protocol, "/") || !strings.HasSuffix(parsed.protocol, protocolSuffix) {
		return options{}, fmt.Errorf("--protocol %q: the library can only speak /…%s", parsed.protocol, protocolSuffix)
	}
	if len(parsed.listen) == 0 {
		parsed.listen = []string{"/ip4/127.0.0.1/tcp/0"}
	}
	return parsed, nil
}
