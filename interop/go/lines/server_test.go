package lines

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

type said struct {
	ID    *int64
	OK    bool
	Error string
	Key   string
}

// talk serves commands from a pipe; `hear` gives the next answer, `end` closes the input and gives how it went.
type talk struct {
	in    *io.PipeWriter
	out   *bufio.Reader
	ended chan error
}

func begin(t *testing.T, commands map[string]Command) *talk {
	t.Helper()
	asked, in := io.Pipe()
	out, answers := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := NewServer(answers, commands).Serve(context.Background(), asked)
		_ = asked.Close()
		_ = answers.Close()
		ended <- err
	}()
	t.Cleanup(func() {
		_ = in.Close()
		_ = out.Close()
	})
	return &talk{in, bufio.NewReaderSize(out, bytesMax), ended}
}

func (c *talk) say(t *testing.T, line string) {
	t.Helper()
	if _, err := io.WriteString(c.in, line+"\n"); err != nil {
		t.Fatal(err)
	}
}

func (c *talk) hear(t *testing.T) said {
	t.Helper()
	line, err := c.out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var heard said
	if err := json.Unmarshal([]byte(line), &heard); err != nil {
		t.Fatal(err)
	}
	return heard
}

func echo(_ context.Context, asked Request) (Answer, error) {
	return Answer{"key": *asked.Key}, nil
}

func expect(t *testing.T, heard said, id int64, ok bool, part string) {
	t.Helper()
	if heard.ID == nil || *heard.ID != id || heard.OK != ok || !strings.Contains(heard.Error, part) {
		t.Fatalf("heard %+v, not id %d, ok %t, %q", heard, id, ok, part)
	}
}

func TestAnswersWhatItIsAsked(t *testing.T) {
	c := begin(t, map[string]Command{"echo": echo})
	c.say(t, `{"id":7,"command":"echo","key":"aa"}`)
	heard := c.hear(t)
	expect(t, heard, 7, true, "")
	if heard.Key != "aa" {
		t.Fatalf("heard %+v", heard)
	}
	_ = c.in.Close()
	if err := <-c.ended; err != nil {
		t.Fatal(err)
	}
}

func TestLivesOnAfterWhatIsNoCommand(t *testing.T) {
	c := begin(t, map[string]Command{"echo": echo})
	for _, line := range []string{"", "[", "7", `{"id":"a"}`, `{"command":"echo","key":"aa"}`, `{"id":1.5}`} {
		c.say(t, line)
		if heard := c.hear(t); heard.ID != nil || heard.OK || heard.Error == "" {
			t.Fatalf("%s: heard %+v", line, heard)
		}
	}
	c.say(t, `{"id":1,"command":5}`)
	expect(t, c.hear(t), 1, false, "no command")
	c.say(t, `{"id":2,"command":"dance"}`)
	expect(t, c.hear(t), 2, false, "dance")
	c.say(t, `{"id":3,"command":"echo","key":"aa","timeoutMs":0}`)
	expect(t, c.hear(t), 3, false, "timeoutMs")
	c.say(t, `{"id":4,"command":"echo","key":"aa"}`)
	expect(t, c.hear(t), 4, true, "")
}

func TestEndsAfterALineThatIsTooLong(t *testing.T) {
	c := begin(t, map[string]Command{"echo": echo})
	long := fmt.Sprintf(`{"id":1,"command":"echo","key":"%s"}`, strings.Repeat("a", bytesMax))
	go func() { _, _ = io.WriteString(c.in, long) }()
	if heard := c.hear(t); heard.ID != nil || heard.OK {
		t.Fatalf("heard %+v", heard)
	}
	if err := <-c.ended; !errors.Is(err, ErrTooLong) {
		t.Fatal(err)
	}
}

func TestRefusesWhenTooManyAreInFlight(t *testing.T) {
	release := make(chan struct{})
	c := begin(t, map[string]Command{"wait": func(context.Context, Request) (Answer, error) {
		<-release
		return nil, nil
	}})
	for i := range inFlightMax {
		c.say(t, fmt.Sprintf(`{"id":%d,"command":"wait"}`, i))
	}
	c.say(t, `{"id":1000,"command":"wait"}`)
	expect(t, c.hear(t), 1000, false, "in flight")
	close(release)
	for range inFlightMax {
		if heard := c.hear(t); !heard.OK {
			t.Fatalf("heard %+v", heard)
		}
	}
	c.say(t, `{"id":1001,"command":"wait"}`)
	expect(t, c.hear(t), 1001, true, "")
}

func TestGivesUpWhatDoesNotEndInTime(t *testing.T) {
	stuck := make(chan struct{})
	defer close(stuck)
	c := begin(t, map[string]Command{"stick": func(context.Context, Request) (Answer, error) {
		<-stuck
		return nil, nil
	}})
	c.say(t, `{"id":1,"command":"stick","timeoutMs":1}`)
	expect(t, c.hear(t), 1, false, "given up")
}

func TestQuits(t *testing.T) {
	c := begin(t, nil)
	c.say(t, `{"id":1,"command":"quit"}`)
	expect(t, c.hear(t), 1, true, "")
	if err := <-c.ended; err != nil {
		t.Fatal(err)
	}
}
