// What Argo CD says and does, by its own packages: `verdicts` judges objects in files, `sync` applies the last commit
// of a repository, `health` and `drift` compare that commit with the cluster. `../run` and `../live` say what is to come out.
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) < 3 {
		fail("argo verdicts CHECKS OBJECTS... | argo sync|sync-server-side|health|drift CHECKS REPOSITORY")
	}
	checks, err := readChecks(os.Args[2])
	if err != nil {
		fail(err)
	}
	if os.Args[1] == "verdicts" {
		err = verdicts(checks, os.Args[3:])
	} else {
		err = onCluster(os.Args[1], checks, os.Args[3])
	}
	if err != nil {
		fail(err)
	}
}

func fail(what any) {
	fmt.Fprintln(os.Stderr, "argo:", what)
	os.Exit(1)
}
