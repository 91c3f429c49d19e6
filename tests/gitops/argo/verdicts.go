package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"github.com/argoproj/gitops-engine/pkg/health"
	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// What stands before group and kind in the keys of argocd-cm.
const prefix = "resource.customizations.health."

// readChecks takes the health checks from a ConfigMap as an administrator applies it.
func readChecks(file string) (lua.ResourceHealthOverrides, error) {
	objects, err := read(file)
	if err != nil {
		return nil, err
	}
	checks := lua.ResourceHealthOverrides{}
	for _, object := range objects {
		data, _, err := unstructured.NestedStringMap(object.Object, "data")
		if err != nil {
			return nil, err
		}
		for key, script := range data {
			if kind, ok := strings.CutPrefix(key, prefix); ok {
				checks[strings.ReplaceAll(kind, "_", "/")] = v1alpha1.ResourceOverride{HealthLua: script}
			}
		}
	}
	if len(checks) == 0 {
		return nil, fmt.Errorf("%s has no health check", file)
	}
	return checks, nil
}

func read(file string) ([]*unstructured.Unstructured, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return kube.SplitYAML(text)
}

// verdicts prints what Argo CD says of each object, and why.
func verdicts(checks lua.ResourceHealthOverrides, files []string) error {
	for _, file := range files {
		objects, err := read(file)
		if err != nil {
			return err
		}
		for _, object := range objects {
			said, err := judge(checks, object)
			if err != nil {
				return err
			}
			fmt.Printf("%s/%s\t%s\t%s\n", object.GetKind(), object.GetName(), said.Status, said.Message)
		}
	}
	return nil
}

// judge is the health of an object. One that has no check counts for nothing in an application's, so it is healthy.
func judge(checks lua.ResourceHealthOverrides, object *unstructured.Unstructured) (*health.HealthStatus, error) {
	said, err := health.GetResourceHealth(object, checks)
	if err != nil || said != nil {
		return said, err
	}
	return &health.HealthStatus{Status: health.HealthStatusHealthy, Message: "no check"}, nil
}
