// Command health asks an address whether it answers 200, for images without a shell: health http://127.0.0.1:8080/livez
package main

import (
	"fmt"
	"net/http"
	"os"
	"time"
)

func main() {
	if err := ask(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "health:", err)
		os.Exit(1)
	}
}

func ask(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("wants one URL")
	}
	client := http.Client{Timeout: 4 * time.Second}
	r, err := client.Get(args[0])
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", args[0], r.Status)
	}
	return nil
}
