{{/* The midrank container, one shape for the gateway and both kinds of sidecar; and the volumes it wants. */}}

{{/* How long a container may take to stop: it goes on accepting, finishes what is under way, flushes telemetry. */}}
{{- define "midrank.graceSeconds" -}}
{{- addf (.delaySeconds | default 0) .seconds 5 | ceil | int -}}
{{- end -}}

{{/*
(dict "root" $ "component" MAP "image" MAP "native" BOOL, and if wanted "drain", "lifecycle", "moreResources"): an item
of a list of containers. Drain and lifecycle are those of the component otherwise.
*/}}
{{- define "midrank.container" -}}
{{- $root := .root -}}
{{- $component := .component -}}
{{- $drain := .drain | default .component.drain -}}
{{- $listeners := include "midrank.listeners" .root | fromJson -}}
- name: midrank
  image: {{ include "midrank.image" (dict "root" .root "image" .image) }}
  imagePullPolicy: {{ .root.Values.image.pullPolicy }}
  {{- if .native }}
  restartPolicy: Always
  {{- end }}
  args:
    - run
    - --policy=/etc/midrank/policy.yaml
    {{- with $drain.delaySeconds }}
    - --drain-delay-seconds={{ . }}
    {{- end }}
    - --drain-seconds={{ $drain.seconds }}
    - --log-level={{ .root.Values.logLevel }}
    {{- range .component.extraArgs }}
    - {{ tpl . $root | quote }}
    {{- end }}
  ports:
    {{- range append $listeners.ports $listeners.admin }}
    - {name: {{ .name }}, containerPort: {{ int .port }}}
    {{- end }}
  env:
    {{- include "midrank.env" . | nindent 4 }}
  {{- with .component.extraEnvFrom }}
  envFrom:
    {{- tpl (toYaml .) $root | nindent 4 }}
  {{- end }}
  {{- range $probe := list "startupProbe" "readinessProbe" "livenessProbe" }}
  {{- with get $component $probe }}
  {{ $probe }}:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
  {{- with .lifecycle | default .component.lifecycle }}
  lifecycle:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  resources:
    {{- toYaml (mergeOverwrite (deepCopy (.component.resources | default dict)) (.moreResources | default dict)) | nindent 4 }}
  terminationMessagePolicy: FallbackToLogsOnError
  securityContext:
    {{- include "midrank.securityContext" (dict "root" .root "context" .component.securityContext) | nindent 4 }}
  volumeMounts:
    # The whole folder: a file mounted by subPath never sees a new policy.
    - {name: midrank-policy, mountPath: /etc/midrank, readOnly: true}
    - {name: midrank-tmp, mountPath: /tmp}
    {{- with include "midrank.modelMount" .root | trim }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- range $index, $secret := .root.Values.secretFiles }}
    - {name: midrank-secret-{{ $index }}, mountPath: /etc/midrank-secrets/{{ $secret }}, readOnly: true}
    {{- end }}
    {{- with .component.extraVolumeMounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{/*
(dict "root" $ "component" MAP): the chart's variables, and the component's extraEnv in place of those of the same
name: a list that has a name twice is refused by server-side apply.
*/}}
{{- define "midrank.env" -}}
{{- $extra := tpl (toYaml (.component.extraEnv | default list)) .root | fromYamlArray -}}
{{- $replaced := list -}}
{{- range $extra -}}{{- $replaced = append $replaced .name -}}{{- end -}}
{{- $env := list -}}
{{- range include "midrank.ownEnv" .root | trim | fromYamlArray -}}
{{- if not (has .name $replaced) -}}{{- $env = append $env . -}}{{- end -}}
{{- end -}}
{{- toYaml (concat $env $extra) -}}
{{- end -}}

{{- define "midrank.ownEnv" -}}
- name: MIDRANK_THREADS # whole CPUs that are requested; 0: what the limit, or the node, allows
  valueFrom: {resourceFieldRef: {containerName: midrank, resource: requests.cpu, divisor: "1"}}
{{- include "midrank.modelEnv" . }}
{{- include "midrank.otelEnv" . }}
{{- range $name, $secret := .Values.secretEnv }}
- name: {{ $name }}
  valueFrom: {secretKeyRef: {name: {{ $secret.name | quote }}, key: {{ $secret.key | quote }}}}
{{- end }}
{{- end -}}

{{/* OpenTelemetry's standard variables; without an endpoint they only name the pod, and nothing is sent. */}}
{{- define "midrank.otelEnv" -}}
{{- $otlp := .Values.telemetry.otlp }}
- {name: POD_NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
- {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
- {name: POD_UID, valueFrom: {fieldRef: {fieldPath: metadata.uid}}}
- {name: NODE_NAME, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
- {name: OTEL_SERVICE_NAME, value: {{ .Values.telemetry.serviceName | quote }}}
- name: OTEL_RESOURCE_ATTRIBUTES
  value: {{ include "midrank.resourceAttributes" . | quote }}
{{- if $otlp.endpoint }}
- {name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ $otlp.endpoint | quote }}}
- {name: OTEL_EXPORTER_OTLP_PROTOCOL, value: {{ $otlp.protocol | quote }}}
- {name: OTEL_TRACES_EXPORTER, value: {{ ternary "otlp" "none" $otlp.traces }}}
- {name: OTEL_METRICS_EXPORTER, value: {{ ternary "otlp" "none" $otlp.metrics }}}
{{- with $otlp.headersSecret.name }}
- name: OTEL_EXPORTER_OTLP_HEADERS
  valueFrom: {secretKeyRef: {name: {{ . | quote }}, key: {{ $otlp.headersSecret.key | quote }}}}
{{- end }}
{{- with .Values.telemetry.sampler }}
- {name: OTEL_TRACES_SAMPLER, value: {{ . | quote }}}
{{- end }}
{{- with .Values.telemetry.samplerArgument }}
- {name: OTEL_TRACES_SAMPLER_ARG, value: {{ . | quote }}}
{{- end }}
{{- end }}
{{- end -}}

{{- define "midrank.resourceAttributes" -}}
k8s.namespace.name=$(POD_NAMESPACE),k8s.pod.name=$(POD_NAME),k8s.pod.uid=$(POD_UID),k8s.node.name=$(NODE_NAME),k8s.container.name=midrank
{{- range $name, $value := .Values.telemetry.resourceAttributes }},{{ $name }}={{ $value }}{{ end }}
{{- end -}}

{{- define "midrank.volumes" -}}
- name: midrank-policy
  configMap: {name: {{ include "midrank.policy.name" . }}}
- name: midrank-tmp
  emptyDir: {sizeLimit: {{ .Values.tmp.sizeLimit }}}
{{- include "midrank.modelVolume" . }}
{{- range $index, $secret := .Values.secretFiles }}
- name: midrank-secret-{{ $index }}
  secret: {secretName: {{ $secret | quote }}}
{{- end }}
{{- end -}}
