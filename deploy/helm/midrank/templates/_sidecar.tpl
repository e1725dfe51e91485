{{/*
For charts that have this one as a dependency and want midrank in their own pods, without a webhook:

    initContainers:
      {{- include "midrank.sidecar" .Subcharts.midrank | nindent 6 }}
    volumes:
      {{- include "midrank.sidecarVolumes" .Subcharts.midrank | nindent 6 }}

`.Subcharts.midrank` is the dependency's own context: its values are those under `midrank:` in the parent's. With
`sidecar.native: false`, for clusters before 1.29, the first goes under `containers`. It comes first in either list.
*/}}

{{- define "midrank.sidecar" -}}
{{- include "midrank.checkSidecar" . -}}
{{- $native := .Values.sidecar.native -}}
{{- with include "midrank.modelInitContainers" (dict "root" . "securityContext" .Values.sidecar.securityContext) | trim -}}
{{- if not $native -}}
{{- fail "midrank: with sidecar.native false an init container can't be put beside: models.source must be baked, pvc or image" -}}
{{- end -}}
{{- . }}
{{ end -}}
{{- $drain := include "midrank.sidecarDrain" . | fromJson -}}
{{- $lifecycle := .Values.sidecar.lifecycle -}}
{{- if not (or $native $lifecycle) -}}
{{- $lifecycle = include "midrank.holdBack" . | fromYaml -}}
{{- end -}}
{{- include "midrank.container" (dict "root" . "component" .Values.sidecar "image" .Values.image "native" $native "drain" $drain "lifecycle" $lifecycle) -}}
{{- end -}}

{{/*
A plain container gets its SIGTERM with the application's, which goes on searching while it drains: so it keeps
accepting for 20 s, which with 5 s to finish and 5 s to spare are the 30 s that Kubernetes grants by default.
*/}}
{{- define "midrank.sidecarDrain" -}}
{{- $drain := .Values.sidecar.drain -}}
{{- $delay := $drain.delaySeconds -}}
{{- if kindIs "invalid" $delay -}}{{- $delay = ternary 0 20 .Values.sidecar.native -}}{{- end -}}
{{- dict "delaySeconds" $delay "seconds" $drain.seconds | toJson -}}
{{- end -}}

{{/* A plain container's postStart holds back the containers behind it until midrank listens. */}}
{{- define "midrank.holdBack" -}}
postStart:
  exec:
    command: [midrank, health, --policy, /etc/midrank/policy.yaml, --wait, "60"]
{{- end -}}

{{- define "midrank.sidecarVolumes" -}}
{{- include "midrank.volumes" . -}}
{{- end -}}

{{/* Seconds to add to what the app itself takes to stop, for terminationGracePeriodSeconds. */}}
{{- define "midrank.sidecarGraceSeconds" -}}
{{- include "midrank.graceSeconds" (include "midrank.sidecarDrain" . | fromJson) -}}
{{- end -}}

{{/* A label for the pod, by which the PodMonitor and network policies find midrank. */}}
{{- define "midrank.sidecarLabels" -}}
midrank.dev/injected: "true"
{{- end -}}
