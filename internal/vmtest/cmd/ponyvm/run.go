package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/ponytrace/ponytrace/internal/vmtest"
	"github.com/ponytrace/ponytrace/internal/vmtest/wire"
)

type runCmd struct {
	Shape   shape    `embed:""`
	File    []string `short:"f" sep:"none" help:"Put a file or folder into the guest: HOST[:GUEST]. Programs go to /bin, the rest to /tmp."`
	Get     []string `sep:"none" help:"Copy a file or folder back afterwards: GUEST[:HOST]."`
	Env     []string `sep:"none" help:"Set a variable for the commands: NAME=VALUE."`
	Command []string `arg:"" passthrough:"" help:"The command and its arguments."`
}

func (r *runCmd) Run(ctx context.Context) error {
	list, err := commands(r.Command)
	if err != nil {
		return err
	}
	worst := 0
	for _, name := range r.Shape.kernels() {
		m, err := r.Shape.machine(name)
		if err != nil {
			return err
		}
		m.Commands, m.Env, m.Get = list, r.Env, fetched(r.Get)
		if m.Files, err = files(r.File); err != nil {
			return err
		}
		result, err := m.Start(ctx)
		if err != nil {
			return err
		}
		worst = max(worst, result.ExitCode())
	}
	if worst != 0 {
		return exitCode(worst)
	}
	return nil
}

func commands(words []string) ([]wire.Command, error) {
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	list := []wire.Command{{}}
	for _, word := range words {
		switch last := &list[len(list)-1]; word {
		case "--then", "--with":
			last.Background = word == "--with"
			list = append(list, wire.Command{})
		default:
			last.Args = append(last.Args, word)
		}
	}
	for _, command := range list {
		if len(command.Args) == 0 {
			return nil, errors.New("a command is missing")
		}
	}
	return list, nil
}

func files(specs []string) (list []vmtest.File, err error) {
	for _, spec := range specs {
		host, guest, _ := strings.Cut(spec, ":")
		if guest == "" {
			if guest, err = placeFor(host); err != nil {
				return nil, err
			}
		}
		list = append(list, vmtest.File{Host: filepath.Clean(host), Guest: guest})
	}
	return list, nil
}

func placeFor(host string) (string, error) {
	info, err := os.Stat(host)
	if err != nil {
		return "", err
	}
	if info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
		return "/bin/" + filepath.Base(host), nil
	}
	return "/tmp/" + filepath.Base(host), nil
}

func fetched(specs []string) (list []vmtest.Fetched) {
	for _, spec := range specs {
		guest, host, ok := strings.Cut(spec, ":")
		if !ok {
			host = filepath.Base(guest)
		}
		list = append(list, vmtest.Fetched{Guest: filepath.Clean(guest), Host: host})
	}
	return list
}
