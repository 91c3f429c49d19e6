{{/* Labels, names and what else several templates need. */}}

{{/* What every object of ours carries. The first three are Helm's; the rest is as in deploy/. */}}
{{- define "icp.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: icp-filing-operator
{{- end }}

{{- define "icp.named" -}}
{{ include "icp.labels" . }}
app.kubernetes.io/name: icp-filing-operator
{{- end }}

{{- define "icp.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- define "icp.port" -}}
{{ .Values.operator.listen | default "0.0.0.0:8080" | splitList ":" | last }}
{{- end }}

{{- define "icp.leaseName" -}}
{{- if .Values.operator.leaseName -}}
{{ .Values.operator.leaseName }}
{{- else if .Values.operator.namespace -}}
icp-filing-operator.{{ .Values.operator.namespace }}
{{- else -}}
icp-filing-operator
{{- end -}}
{{- end }}

{{- define "icp.leaseNamespace" -}}
{{ .Values.operator.leaseNamespace | default .Release.Namespace }}
{{- end }}

{{- define "icp.subject" -}}
- kind: ServiceAccount
  name: icp-filing-operator
  namespace: {{ .Release.Namespace }}
{{- end }}

{{/*
Manifests of the repository as they are, with the labels of the release. The policies know the operator by its
user name, which has the namespace in it.
Takes a list: the context, a pattern of files, annotations to add.
*/}}
{{- define "icp.shipped" -}}
{{- $context := index . 0 -}}
{{- $annotations := index . 2 -}}
{{- $labels := include "icp.labels" $context | fromYaml -}}
{{- $user := printf "system:serviceaccount:%s:icp-filing-operator" $context.Release.Namespace -}}
{{- range $path, $_ := $context.Files.Glob (index . 1) }}
{{- if ne (base $path) "kustomization.yaml" }}
{{- range $text := regexSplit "(?m)^---$" ($context.Files.Get $path) -1 }}
{{- $object := $text | replace "system:serviceaccount:icp-filing-system:icp-filing-operator" $user | fromYaml }}
{{- $_ := set $object.metadata "labels" (merge (deepCopy $labels) ($object.metadata.labels | default dict)) }}
{{- if $annotations }}
{{- $_ := set $object.metadata "annotations" (merge (deepCopy $annotations) ($object.metadata.annotations | default dict)) }}
{{- end }}
---
{{ toYaml $object }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
