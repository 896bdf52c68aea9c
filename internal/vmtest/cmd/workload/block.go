package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

type block struct {
	Dev   string `required:"" help:"The disk, such as /dev/nullb0."`
	Sizes string `required:"" help:"Sizes and how many of each: 4096x100,32768x20."`
	Read  bool   `help:"Read; else write."`
}

type batch struct {
	Size  int `json:"size"`
	Count int `json:"count"`
}

func (b *block) Run() error {
	batches, err := parseSizes(b.Sizes)
	if err != nil {
		return err
	}
	limit, err := queueLimit(b.Dev)
	if err != nil {
		return err
	}
	for _, one := range batches {
		if one.Size > limit {
			return fmt.Errorf("%s splits requests above %d bytes, so %d would not arrive as one", b.Dev, limit, one.Size)
		}
	}
	fd, err := unix.Open(b.Dev, unix.O_RDWR|unix.O_DIRECT|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", b.Dev, err)
	}
	defer unix.Close(fd)
	for _, one := range batches {
		if err := b.issue(fd, one); err != nil {
			return fmt.Errorf("%s: %d bytes: %w", b.Dev, one.Size, err)
		}
	}
	return report(map[string]any{"load": "block", "dev": b.Dev, "read": b.Read, "batches": batches})
}

func (b *block) issue(fd int, one batch) error {
	buffer, err := unix.Mmap(-1, 0, one.Size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_POPULATE)
	if err != nil {
		return err
	}
	defer unix.Munmap(buffer)
	transfer := unix.Pwrite
	if b.Read {
		transfer = unix.Pread
	}
	for range one.Count {
		n, err := transfer(fd, buffer, 0)
		if err != nil {
			return err
		}
		if n != one.Size {
			return fmt.Errorf("only %d transferred", n)
		}
	}
	return nil
}

func parseSizes(text string) (list []batch, err error) {
	for _, item := range strings.Split(text, ",") {
		var b batch
		if _, err := fmt.Sscanf(item, "%dx%d", &b.Size, &b.Count); err != nil || b.Size <= 0 || b.Size%512 != 0 {
			return nil, fmt.Errorf("%q is not SIZExCOUNT with a multiple of 512", item)
		}
		list = append(list, b)
	}
	return list, nil
}

// queueLimit is the largest transfer that is sure to reach the driver as one request.
func queueLimit(dev string) (int, error) {
	queue := filepath.Join("/sys/block", filepath.Base(dev), "queue")
	kilobytes, err := readNumber(filepath.Join(queue, "max_sectors_kb"))
	if err != nil {
		return 0, err
	}
	segments, err := readNumber(filepath.Join(queue, "max_segments"))
	if err != nil {
		return 0, err
	}
	return min(kilobytes<<10, segments*os.Getpagesize()), nil
}

func readNumber(path string) (int, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}
