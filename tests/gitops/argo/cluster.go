package main

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"strings"
	"time"

	"github.com/argoproj/argo-cd/v3/util/lua"
	"github.com/argoproj/gitops-engine/pkg/cache"
	"github.com/argoproj/gitops-engine/pkg/diff"
	"github.com/argoproj/gitops-engine/pkg/health"
	"github.com/argoproj/gitops-engine/pkg/sync"
	"github.com/argoproj/gitops-engine/pkg/sync/common"
	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	"github.com/argoproj/gitops-engine/pkg/utils/tracing"
	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	// By which Argo CD knows whose an object is.
	tracking = "argocd.argoproj.io/tracking-id"
	manager  = "argocd-controller"
	// How long an application may be on its way.
	patience = 90 * time.Second
)

// cluster is an API server with what an application of Argo CD has there.
type cluster struct {
	checks  lua.ResourceHealthOverrides
	config  *rest.Config
	cache   cache.ClusterCache
	kubectl kube.KubectlCmd
	// Its name, which is the repository's.
	application string
}

func onCluster(command string, checks lua.ResourceHealthOverrides, repository string) error {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return err
	}
	rest.SetDefaultWarningHandler(rest.NoWarnings{})
	// The engine asks for every kind that is served, at once.
	config.QPS, config.Burst = 200, 400
	live := cache.NewClusterCache(config, cache.SetLogr(logr.Discard()),
		cache.SetPopulateResourceInfoHandler(func(object *unstructured.Unstructured, _ bool) (any, bool) {
			of := object.GetAnnotations()[tracking]
			return of, of != ""
		}))
	c := cluster{checks, config, live, kube.KubectlCmd{Log: logr.Discard(), Tracer: tracing.NopTracer{}},
		path.Base(repository)}
	if err := live.EnsureSynced(); err != nil {
		return err
	}
	defer live.Invalidate()
	target, revision, err := committed(repository, c.application)
	if err != nil {
		return err
	}
	switch command {
	case "sync":
		return c.sync(target, revision, false)
	case "sync-server-side":
		return c.sync(target, revision, true)
	case "health":
		return c.health(target)
	case "drift":
		return c.drift(target)
	}
	return fmt.Errorf("there is no %q", command)
}

// committed is what the last commit of a repository holds.
func committed(repository, application string) ([]*unstructured.Unstructured, string, error) {
	git := func(arguments ...string) (string, error) {
		out, err := exec.Command("git", append([]string{"-C", repository}, arguments...)...).Output()
		return strings.TrimSpace(string(out)), err
	}
	revision, err := git("rev-parse", "HEAD")
	if err != nil {
		return nil, "", err
	}
	files, err := git("ls-tree", "-r", "--name-only", "HEAD")
	if err != nil {
		return nil, "", err
	}
	var all []*unstructured.Unstructured
	for _, file := range strings.Split(files, "\n") {
		if path.Ext(file) != ".yaml" || path.Base(file) == "kustomization.yaml" {
			continue
		}
		text, err := git("show", "HEAD:"+file)
		if err != nil {
			return nil, "", err
		}
		objects, err := kube.SplitYAML([]byte(text))
		if err != nil {
			return nil, "", err
		}
		all = append(all, objects...)
	}
	for _, object := range all {
		notes := object.GetAnnotations()
		if notes == nil {
			notes = map[string]string{}
		}
		key := kube.GetResourceKey(object)
		notes[tracking] = fmt.Sprintf("%s:%s/%s:%s/%s", application, key.Group, key.Kind, key.Namespace, key.Name)
		object.SetAnnotations(notes)
	}
	return all, revision, nil
}

func (c *cluster) managed(r *cache.Resource) bool {
	of, _ := r.Info.(string)
	return strings.HasPrefix(of, c.application+":")
}

// sync applies and prunes, wave by wave as Argo CD does, and fails where Argo CD would say that the operation failed.
// Each turn looks at the cluster anew; what earlier turns did is carried from one to the next.
func (c *cluster) sync(target []*unstructured.Unstructured, revision string, serverSide bool) error {
	phase, message, began := common.OperationRunning, "", metav1.Now()
	var results []common.ResourceSyncResult
	for until := time.Now().Add(patience); !phase.Completed(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(until) {
			phase, message = common.OperationFailed, "it takes too long: "+message
			break
		}
		both, err := c.compared(target)
		if err != nil {
			return err
		}
		turn, cleanup, err := sync.NewSyncContext(revision, both, c.config, c.config, &c.kubectl, "", c.cache.GetOpenAPISchema(),
			sync.WithInitialState(phase, message, results, began), sync.WithSyncWaveHook(pause),
			sync.WithHealthOverride(c.checks), sync.WithPrune(true), sync.WithLogr(logr.Discard()),
			sync.WithServerSideApply(serverSide), sync.WithServerSideApplyManager(manager))
		if err != nil {
			return err
		}
		turn.Sync()
		phase, message, results = turn.GetState()
		cleanup()
	}
	for _, r := range results {
		fmt.Printf("%s/%s\t%s\t%s\t%s\n", r.ResourceKey.Kind, r.ResourceKey.Name, r.Status, r.HookPhase, r.Message)
	}
	if phase != common.OperationSucceeded {
		return fmt.Errorf("the operation is %s: %s", phase, message)
	}
	return nil
}

// Between two waves Argo CD rests as long by default, so that nobody looks at what was before the wave.
func pause(_ common.SyncPhase, _ int, final bool) error {
	if !final {
		time.Sleep(2 * time.Second)
	}
	return nil
}

// compared is what the commit holds beside what the cluster has of it.
func (c *cluster) compared(target []*unstructured.Unstructured) (sync.ReconciliationResult, error) {
	live, err := c.cache.GetManagedLiveObjs(target, c.managed)
	if err != nil {
		return sync.ReconciliationResult{}, err
	}
	return sync.Reconcile(target, live, "", c.cache), nil
}

// health waits until nothing is on its way, and prints the worst verdict and each that is not healthy.
func (c *cluster) health(target []*unstructured.Unstructured) error {
	for until := time.Now().Add(patience); ; time.Sleep(200 * time.Millisecond) {
		both, err := c.compared(target)
		if err != nil {
			return err
		}
		worst, said := health.HealthStatusHealthy, ""
		for i, object := range both.Live {
			status := &health.HealthStatus{Status: health.HealthStatusMissing}
			if object != nil {
				if status, err = judge(c.checks, object); err != nil {
					return err
				}
			} else {
				object = both.Target[i]
			}
			if health.IsWorse(worst, status.Status) {
				worst = status.Status
			}
			if status.Status != health.HealthStatusHealthy {
				said += fmt.Sprintf("%s/%s\t%s\t%s\n", object.GetKind(), object.GetName(), status.Status, status.Message)
			}
		}
		if worst != health.HealthStatusProgressing || time.Now().After(until) {
			fmt.Printf("%s\n%s", worst, said)
			return nil
		}
	}
}

// drift prints what each of Argo CD's ways to compare takes for a difference; nothing is what is hoped for.
func (c *cluster) drift(target []*unstructured.Unstructured) error {
	both, err := c.compared(target)
	if err != nil {
		return err
	}
	operations, cleanup, err := kube.ManageServerSideDiffDryRuns(c.config, c.cache.GetOpenAPISchema(),
		tracing.NopTracer{}, logr.Discard(), nil)
	if err != nil {
		return err
	}
	defer cleanup()
	shared := []diff.Option{diff.WithLogr(logr.Discard()), diff.WithManager(manager), diff.WithGVKParser(c.cache.GetGVKParser())}
	for way, options := range map[string][]diff.Option{
		"client-side": nil,
		"structured":  {diff.WithStructuredMergeDiff(true)},
		"server-side": {diff.WithServerSideDiff(true), diff.WithIgnoreMutationWebhook(false),
			diff.WithServerSideDryRunner(diff.NewK8sServerSideDryRunner(operations))},
	} {
		result, err := diff.DiffArray(both.Target, both.Live, append(options, shared...)...)
		if err != nil {
			return err
		}
		for i, one := range result.Diffs {
			if !one.Modified {
				continue
			}
			object := both.Target[i]
			if object == nil {
				object = both.Live[i]
			}
			fmt.Printf("%s/%s\t%s\nlive      %s\npredicted %s\n", object.GetKind(), object.GetName(), way,
				one.NormalizedLive, one.PredictedLive)
		}
	}
	return nil
}
