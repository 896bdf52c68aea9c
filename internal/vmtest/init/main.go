// Command init is the first process of a test machine. It is the whole user space there:
// it mounts what programs expect, loads the modules that the host chose, runs the
// commands of the job one after another and hands everything they say to the host in
// frames (package wire).
//
// There is no shell, no library and no udev. Three things differ from a usual system on
// purpose: tracefs and debugfs are not mounted unless the job asks (a new machine has
// them unmounted, and ponytrace must work there); the commands' output goes through pipes
// that init reads, so init itself makes a read and a write for every piece of output,
// which an unfiltered probe on those paths sees; and nobody logs in, so the machine is
// silent unless the job makes a noise. That silence is what makes exact counts possible.
//
// When all is said the host kills the machine. Should it not, init powers off by itself.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ponytrace/ponytrace/internal/vmtest/wire"
)

func main() {
	err := serve()
	if err != nil {
		fmt.Println("init: cannot go on:", err)
	}
	time.Sleep(time.Second)
	unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	select {}
}

func serve() error {
	job, err := readJob()
	if err != nil {
		return err
	}
	if err := prepare(job); err != nil {
		return err
	}
	port, err := openPort()
	if err != nil {
		return err
	}
	out := wire.NewWriter(port)
	if err := out.Send(wire.Ready, []byte(release())); err != nil {
		return err
	}
	run(job, out)
	for _, pattern := range job.Get {
		sendMatches(pattern, out)
	}
	return out.Send(wire.Done, nil)
}

func readJob() (job wire.Job, err error) {
	text, err := os.ReadFile(wire.JobPath)
	if err != nil {
		return job, err
	}
	return job, json.Unmarshal(text, &job)
}

func release() string {
	text, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return string(text[:max(len(text)-1, 0)])
}
