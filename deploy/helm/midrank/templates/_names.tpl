{{/* What things are called, and the labels that everything carries. */}}

{{- define "midrank.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 45 | trimSuffix "-" -}}
{{- end -}}

{{/* The longest suffix, `-gateway-admin`, still fits into the 63 characters of a Service's name. */}}
{{- define "midrank.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $full .Values.fullnameOverride | trunc 45 | trimSuffix "-" -}}
{{- end -}}

{{- define "midrank.gateway.name" -}}{{ include "midrank.fullname" . }}-gateway{{- end -}}
{{- define "midrank.injector.name" -}}{{ include "midrank.fullname" . }}-injector{{- end -}}

{{- define "midrank.policy.name" -}}
{{- .Values.policy.existingConfigMap | default (printf "%s-policy" (include "midrank.fullname" .)) -}}
{{- end -}}

{{/* (dict "root" $ "component" NAME): what selectors select; it never changes over upgrades. */}}
{{- define "midrank.selectorLabels" -}}
app.kubernetes.io/name: {{ include "midrank.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/*
(dict "root" $ "component" NAME, and if wanted "own", "labels"): all labels of an object or a pod, in one map, since
YAML knows no key twice. What selectors go by, and `own`, stay as they are; the user's `labels`, and then
commonLabels, come before the rest.
*/}}
{{- define "midrank.labels" -}}
{{- $chart := printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" -}}
{{- $version := dict "helm.sh/chart" $chart "app.kubernetes.io/version" .root.Chart.AppVersion "app.kubernetes.io/part-of" "midrank" -}}
{{- $selected := include "midrank.selectorLabels" . | fromYaml -}}
{{- $managed := dict "app.kubernetes.io/managed-by" .root.Release.Service -}}
{{- merge $selected $managed (.own | default dict) (.labels | default dict) (.root.Values.commonLabels | default dict) $version | toYaml -}}
{{- end -}}

{{/*
(dict "root" $ "component" NAME "name" NAME, and if wanted "own", "labels", "annotations"): an object's metadata.
*/}}
{{- define "midrank.metadata" -}}
name: {{ .name }}
{{- if not .clusterWide }}
namespace: {{ .root.Release.Namespace }}
{{- end }}
labels:
  {{- include "midrank.labels" . | nindent 2 }}
{{- with merge (dict) (.annotations | default dict) .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* (dict "root" $ "context" MAP): a security context; on OpenShift without what the cluster chooses. */}}
{{- define "midrank.securityContext" -}}
{{- $context := .context | default dict -}}
{{- ternary (omit $context "runAsUser" "runAsGroup" "fsGroup") $context .root.Values.openshift | toYaml -}}
{{- end -}}

{{/* (dict "root" $ "image" MAP): the image's full name; a digest beats a tag. */}}
{{- define "midrank.image" -}}
{{- $registry := ((.root.Values.global).imageRegistry) | default .image.registry -}}
{{- $repository := ternary (printf "%s/%s" $registry .image.repository) .image.repository (not (empty $registry)) -}}
{{- if .image.digest -}}
{{- printf "%s@%s" $repository .image.digest -}}
{{- else -}}
{{- printf "%s:%s%s" $repository (.image.tag | default .root.Chart.AppVersion) (.image.suffix | default "") -}}
{{- end -}}
{{- end -}}

{{- define "midrank.pullSecrets" -}}
{{- with concat (((.Values.global).imagePullSecrets) | default list) .Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ ternary . (get (ternary dict . (kindIs "string" .)) "name") (kindIs "string" .) }}
  {{- end }}
{{- end }}
{{- end -}}
