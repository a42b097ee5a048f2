// Unpacks a Python, and prints where its executable is: go run . FOLDER
package main

import (
	"fmt"
	"log"
	"os"

	"github.com/kluctl/go-embed-python/python"
)

func main() {
	embedded, err := python.NewEmbeddedPythonWithTmpDir(os.Args[1], false)
	if err != nil {
		log.Fatal(err)
	}
	executable, err := embedded.GetExePath()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(executable)
}
