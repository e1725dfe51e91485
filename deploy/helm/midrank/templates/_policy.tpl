{{/* The policy: what the chart adds to it, and what it reads out of it. */}}

{{/*
The policy as it is mounted. Added where it is not written: the admin port on all addresses, since the kubelet's
probes come from outside the pod; and for local models as many threads as the container requests CPUs, since without
a CPU limit they would take all of the node's.
*/}}
{{- define "midrank.policy" -}}
{{- $policy := deepCopy (.Values.policy.config | default dict) -}}
{{- $everywhere := "0.0.0.0:9901" -}}
{{- if not $policy.admin -}}
{{- $_ := set $policy "admin" $everywhere -}}
{{- else if and (kindIs "map" $policy.admin) (not $policy.admin.listen) -}}
{{- $_ := set $policy.admin "listen" $everywhere -}}
{{- end -}}
{{- if not $policy.models -}}
{{- $_ := set $policy "models" (dict "default" (dict "kind" "late_interaction")) -}}
{{- end -}}
{{- range $policy.models -}}
{{- if and (has .kind (list "late_interaction" "cross_encoder_onnx")) (not (hasKey . "threads")) -}}
{{- $_ := set . "threads" "${MIDRANK_THREADS:-0}" -}}
{{- end -}}
{{- end -}}
{{- toYaml $policy -}}
{{- end -}}

{{/*
{"ports": [{name, port, address, key}], "admin": {...}} as JSON: where midrank will listen. The first port is called
`midrank`, the others for what they are, in the 15 characters that a port's name may have.
*/}}
{{- define "midrank.listeners" -}}
{{- $ports := list -}}
{{- $admin := dict -}}
{{- if .Values.policy.existingConfigMap -}}
{{- range .Values.policy.ports -}}
{{- $ports = append $ports (dict "name" .name "port" (int .port) "address" "" "key" "policy.ports") -}}
{{- end -}}
{{- $admin = dict "name" "midrank-admin" "port" (int .Values.policy.adminPort) "address" "" -}}
{{- else -}}
{{- $policy := include "midrank.policy" . | fromYaml -}}
{{- $found := list -}}
{{- range $index, $store := $policy.stores -}}
{{- $key := printf "policy.config.stores[%d].listen" $index -}}
{{- $found = append $found (dict "key" $key "address" $store.listen "name" ($store.name | default $store.kind)) -}}
{{- end -}}
{{- with $policy.rerank_api -}}
{{- $found = append $found (dict "key" "policy.config.rerank_api.listen" "address" .listen "name" "midrank-rerank") -}}
{{- end -}}
{{- with $policy.feedback -}}
{{- $found = append $found (dict "key" "policy.config.feedback.listen" "address" .listen "name" "feedback") -}}
{{- end -}}
{{- $taken := dict "midrank" true "midrank-admin" true -}}
{{- range $index, $one := $found -}}
{{- $name := "midrank" -}}
{{- if $index -}}
{{- $name = regexReplaceAll "[^a-z0-9]+" (lower $one.name) "-" | trimAll "-" | trunc 15 | trimSuffix "-" -}}
{{- if or (hasKey $taken $name) (not (regexMatch "[a-z]" $name)) -}}
{{- $name = printf "midrank-%d" $index -}}
{{- end -}}
{{- $_ := set $taken $name true -}}
{{- end -}}
{{- $port := include "midrank.portOf" $one | int -}}
{{- $ports = append $ports (dict "name" $name "port" $port "address" $one.address "key" $one.key) -}}
{{- end -}}
{{- $listen := $policy.admin -}}
{{- if kindIs "map" $listen -}}{{- $listen = $listen.listen -}}{{- end -}}
{{- $at := dict "key" "policy.config.admin" "address" $listen -}}
{{- $admin = dict "name" "midrank-admin" "port" (include "midrank.portOf" $at | int) "address" $listen "key" $at.key -}}
{{- end -}}
{{- dict "ports" $ports "admin" $admin | toJson -}}
{{- end -}}

{{/* (dict "key" WHERE "address" HOST:PORT): the port. */}}
{{- define "midrank.portOf" -}}
{{- if not (regexMatch "^(\\[[0-9A-Fa-f:.]+\\]|[^:\\[\\]]+):[0-9]+$" (toString .address)) -}}
{{- fail (printf "midrank: %s is %q, and the chart wants to know its port: write it out as HOST:PORT" .key (toString .address)) -}}
{{- end -}}
{{- regexFind "[0-9]+$" .address -}}
{{- end -}}

{{/* Only true where everything that is called by others listens on an address that others reach. */}}
{{- define "midrank.isLoopback" -}}
{{- if regexMatch "^(127\\.|localhost:|\\[::1\\])" . -}}true{{- end -}}
{{- end -}}
