// What Flux says, by its own packages: `verdicts` judges objects in files, by kstatus and by the health expressions of a
// Kustomization; `serve` hands out the artifacts that kustomize-controller fetches. `../run` and `../live` say what is
// to come out.
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

func main() {
	var err error
	switch {
	case len(os.Args) > 3 && os.Args[1] == "verdicts":
		err = verdicts(os.Args[2], os.Args[3:])
	case len(os.Args) == 3 && os.Args[1] == "serve":
		err = serve(os.Args[2])
	default:
		err = fmt.Errorf("flux verdicts KUSTOMIZATION OBJECTS... | flux serve FOLDER")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "flux:", err)
		os.Exit(1)
	}
}

// A Kustomization as far as it says how health is told.
type kustomization struct {
	Kind string
	Spec struct {
		HealthCheckExprs []kustomize.CustomHealthCheck `json:"healthCheckExprs"`
	}
}

func documents(file string) ([]string, error) {
	text, err := os.ReadFile(file)
	return strings.Split("\n"+string(text), "\n---\n"), err
}

func expressions(file string) (map[schema.GroupKind]*cel.StatusEvaluator, error) {
	texts, err := documents(file)
	if err != nil {
		return nil, err
	}
	all := map[schema.GroupKind]*cel.StatusEvaluator{}
	for _, text := range texts {
		var object kustomization
		if err := yaml.Unmarshal([]byte(text), &object); err != nil {
			return nil, err
		}
		for _, check := range object.Spec.HealthCheckExprs {
			evaluator, err := cel.NewStatusEvaluator(&check.HealthCheckExpressions)
			if err != nil {
				return nil, err
			}
			all[schema.FromAPIVersionAndKind(check.APIVersion, check.Kind).GroupKind()] = evaluator
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s has no health expression", file)
	}
	return all, nil
}

// verdicts prints what kstatus and what Flux say of each object. Flux takes kstatus for a kind without expressions.
func verdicts(expressionsFile string, files []string) error {
	evaluators, err := expressions(expressionsFile)
	if err != nil {
		return err
	}
	for _, file := range files {
		texts, err := documents(file)
		if err != nil {
			return err
		}
		for _, text := range texts {
			object := &unstructured.Unstructured{}
			if err := yaml.Unmarshal([]byte(text), &object.Object); err != nil {
				return err
			}
			if object.Object == nil {
				continue
			}
			// As whole numbers, which they are when the API server says them.
			json, err := object.MarshalJSON()
			if err != nil {
				return err
			}
			if err := object.UnmarshalJSON(json); err != nil {
				return err
			}
			plain, err := status.Compute(object)
			if err != nil {
				return err
			}
			said := plain
			if evaluator, ok := evaluators[object.GroupVersionKind().GroupKind()]; ok {
				if said, err = evaluator.Evaluate(context.Background(), object); err != nil {
					return err
				}
			}
			fmt.Printf("%s/%s\t%s\t%s\t%s\n", object.GetKind(), object.GetName(), plain.Status, said.Status, plain.Message)
		}
	}
	return nil
}

// serve prints its address once it listens, and serves until it is ended.
func serve(folder string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	return http.Serve(listener, http.FileServer(http.Dir(folder)))
}
