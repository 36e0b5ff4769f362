// Package lines is the server side of the line protocol of ../../README.md, without any DHT.
package lines

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"sync"
	"time"
)

const (
	bytesMax         = 262_144
	inFlightMax      = 64
	timeoutMsDefault = 20_000
	timeoutMsMax     = 120_000
	quitCommand      = "quit"
)

// ErrTooLong ends a server.
var ErrTooLong = errors.New("a line is too long")

// Request is a line from the standard input. Commands check the fields that they need.
type Request struct {
	ID        *int64  `json:"id"`
	Command   string  `json:"command"`
	TimeoutMs *int64  `json:"timeoutMs"`
	Address   string  `json:"address"`
	Key       *string `json:"key"`
	Value     *string `json:"value"`
	CID       string  `json:"cid"`
	Count     int     `json:"count"`
	Peer      string  `json:"peer"`
}

// Answer is what a command says besides "id" and "ok"; nil says nothing more.
type Answer map[string]any

// Command does what is asked within the time of its context.
type Command func(ctx context.Context, asked Request) (Answer, error)

// Server reads commands, runs at most inFlightMax at once and writes one line for each.
type Server struct {
	commands map[string]Command
	slots    chan struct{}
	mutex    sync.Mutex
	out      io.Writer
}

// NewServer serves these commands besides "quit".
func NewServer(out io.Writer, commands map[string]Command) *Server {
	return &Server{commands: commands, slots: make(chan struct{}, inFlightMax), out: out}
}

// Serve ends with nil at the end of the input or after "quit", else with an error.
// Commands that are in flight then are given up without an answer.
func (s *Server) Serve(parent context.Context, in io.Reader) error {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	scanner := bufio.NewScanner(in)
	scanner.Buffer(make([]byte, 0, 4096), bytesMax)
	for scanner.Scan() {
		var asked Request
		if err := json.Unmarshal(scanner.Bytes(), &asked); err != nil {
			if err := s.answer(usableID(scanner.Bytes()), nil, fmt.Errorf("no command: %w", err)); err != nil {
				return err
			}
			continue
		}
		if asked.Command == quitCommand {
			return s.answer(asked.ID, nil, nil)
		}
		if err := s.begin(ctx, asked); err != nil {
			return err
		}
	}
	if errors.Is(scanner.Err(), bufio.ErrTooLong) {
		return errors.Join(ErrTooLong, s.answer(nil, nil, ErrTooLong))
	}
	return scanner.Err()
}

// begin starts a command or refuses it. Its error is that of the output.
func (s *Server) begin(ctx context.Context, asked Request) error {
	run, known := s.commands[asked.Command]
	timeout, timely := timeoutOf(asked)
	switch {
	case asked.ID == nil:
		return s.answer(nil, nil, errors.New("no id"))
	case !known:
		return s.answer(asked.ID, nil, fmt.Errorf("unknown command %q", asked.Command))
	case !timely:
		return s.answer(asked.ID, nil, fmt.Errorf("timeoutMs is not within 1 and %d", timeoutMsMax))
	}
	select {
	case s.slots <- struct{}{}:
	default:
		return s.answer(asked.ID, nil, fmt.Errorf("%d commands are in flight", inFlightMax))
	}
	go s.finish(ctx, timeout, asked, run)
	return nil
}

// finish answers in time, also where a library does not end when its context does.
func (s *Server) finish(parent context.Context, timeout time.Duration, asked Request, run Command) {
	ctx, cancel := context.WithTimeout(parent, timeout)
	defer cancel()
	type outcome struct {
		said Answer
		err  error
	}
	ended := make(chan outcome, 1)
	go func() {
		defer func() { <-s.slots }()
		said, err := run(ctx, asked)
		ended <- outcome{said, err}
	}()
	var result outcome
	select {
	case result = <-ended:
	case <-ctx.Done():
		result.err = fmt.Errorf("given up: %w", ctx.Err())
	}
	if parent.Err() == nil {
		// When nobody reads any more, the end of the input is near as well.
		_ = s.answer(asked.ID, result.said, result.err)
	}
}

func (s *Server) answer(id *int64, said Answer, err error) error {
	line := Answer{"id": id, "ok": err == nil}
	if err != nil {
		line["error"] = err.Error()
	} else {
		maps.Copy(line, said)
	}
	return s.Write(line)
}

// Write writes a line that answers no command.
func (s *Server) Write(line any) error {
	bytes, err := json.Marshal(line)
	if err != nil {
		return err
	}
	if len(bytes) >= bytesMax {
		return ErrTooLong
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	_, err = s.out.Write(append(bytes, '\n'))
	return err
}

// usableID finds the id in a line that is a JSON object and yet no command.
func usableID(line []byte) *int64 {
	var only map[string]json.RawMessage
	if json.Unmarshal(line, &only) != nil {
		return nil
	}
	var id *int64
	if json.Unmarshal(only["id"], &id) != nil {
		return nil
	}
	return id
}

func timeoutOf(asked Request) (time.Duration, bool) {
	timeoutMs := int64(timeoutMsDefault)
	if asked.TimeoutMs != nil {
		timeoutMs = *asked.TimeoutMs
	}
	return time.Duration(timeoutMs) * time.Millisecond, timeoutMs >= 1 && timeoutMs <= timeoutMsMax
}
