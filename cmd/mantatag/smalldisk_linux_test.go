//go:build linux && smalldisk

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mantatag/worker/manta/sandbox"
)

// TestSmallDisk runs a job on a real file system of 256 KiB, which fills up in
// mid-run, and goes on when it has been made larger. It mounts a tmpfs in
// namespaces of its own, which needs util-linux's unshare and a kernel that
// allows it; where that is not so the test fails, since nothing was shown.
//
//	go test -tags smalldisk -run TestSmallDisk -v ./cmd/mantatag
func TestSmallDisk(t *testing.T) {
	const rows = 3000
	api := sandbox.New(sandbox.Options{})
	server, err := sandbox.Listen("127.0.0.1:0", api)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	dir := t.TempDir()
	disk := filepath.Join(dir, "disk")
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	var input strings.Builder
	for i := range rows {
		fmt.Fprintf(&input, "t,c%d\n", i)
	}
	write(t, filepath.Join(dir, "rows.csv"), "tagId,clientId\n"+input.String())
	cmd := exec.Command("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", `
mount -t tmpfs -o size=256k tmpfs disk || exit 99
"$0" run rows.csv --job disk/job --log-format json > first.out 2> first.err; echo $? > first.code
df -k disk > first.df
cp disk/job/journal.ndjson first.journal
mount -o remount,size=16m disk || exit 98
"$0" run rows.csv --job disk/job --log-format json > second.out 2> second.err; echo $? > second.code
cp disk/job/summary.json summary.json
`, os.Args[0])
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "MANTATAG_TEST_MAIN=1", "MANTATAG_API_URL="+server.URL, "XDG_STATE_HOME="+dir,
		"MANTATAG_TOKEN="+sandbox.Token, "MANTATAG_SECRET="+sandbox.Secret, "MANTATAG_BOT_ID="+sandbox.BotID)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("no small file system could be mounted here, so nothing was shown: %v\n%s", err, said.String())
	}
	first := slurp(t, dir, "first.out") + slurp(t, dir, "first.err")
	if code := strings.TrimSpace(slurp(t, dir, "first.code")); code != "2" || !strings.Contains(first, "journal.ndjson") || !strings.Contains(first, "no space left on device") {
		t.Errorf("the first run: exit %s\n%s", code, first)
	}
	recorded := strings.Count(slurp(t, dir, "first.journal"), `"kind":"succeeded"`)
	if code := strings.TrimSpace(slurp(t, dir, "second.code")); code != "0" {
		t.Errorf("the second run: exit %s\n%s", code, slurp(t, dir, "second.err"))
	}
	a := api.Account()
	if s := readSummary(t, dir); s.Rows.Succeeded != rows || api.Mappings() != rows || recorded == 0 || recorded > rows/2 {
		t.Errorf("%+v, %d mappings, %d recorded by the first run", s, api.Mappings(), recorded)
	}
	// Sent twice are only those whose outcome had found no room.
	if a.Repeated > 4*32 {
		t.Errorf("%d mappings were made twice", a.Repeated)
	}
	t.Logf("the disk was full after %d recorded successes of %d rows; made twice: %d", recorded, rows, a.Repeated)
}
