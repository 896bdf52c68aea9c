package main

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// reads is how many events one measurement sees.
const reads = 20000

var eventScripts = []string{
	"kprobe:vfs_read { @ = count() }",
	"kprobe:vfs_read { @ = hist(arg2) }",
	"kprobe:vfs_read { @[comm] = count() }",
	"kprobe:vfs_read { @s[tid] = nsecs } kretprobe:vfs_read /@s[tid]/ { @ = hist(nsecs - @s[tid]); delete(@s, tid) }",
}

// events tells how much longer a read takes while a script counts it.
func events(ponytrace string) error {
	fd, err := unix.Open("/dev/zero", unix.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for _, script := range eventScripts {
		cost, err := costOf(ponytrace, script, fd)
		if err != nil {
			return err
		}
		fmt.Printf("%s ns an event  %s\n", cost, script)
	}
	return nil
}

func costOf(ponytrace, script string, fd int) (cost sample, err error) {
	for range 5 {
		without := timeReads(fd)
		t, err := start(ponytrace, "-e", script)
		if err != nil {
			return nil, err
		}
		timeReads(fd) // the first events after attaching cost more
		with := timeReads(fd)
		if _, _, err := t.stop(); err != nil {
			return nil, err
		}
		cost = append(cost, float64(with-without)/reads)
	}
	return cost, nil
}

func timeReads(fd int) time.Duration {
	var buffer [1]byte
	began := time.Now()
	for range reads {
		unix.Read(fd, buffer[:])
	}
	return time.Since(began)
}
