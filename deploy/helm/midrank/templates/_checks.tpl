{{/* What can be wrong in ways that the schema can't say: each fails with what to do about it. */}}

{{- define "midrank.checkPolicy" -}}
{{- $config := .Values.policy.config | default dict -}}
{{- if .Values.policy.existingConfigMap -}}
{{- if $config -}}
{{- fail "midrank: policy.config and policy.existingConfigMap are both given: one of them is the policy" -}}
{{- end -}}
{{- if not .Values.policy.ports -}}
{{- fail "midrank: the chart can't read the policy in policy.existingConfigMap: name the ports that it listens on in policy.ports, for example [{name: midrank, port: 6433}]" -}}
{{- end -}}
{{- else -}}
{{- if not (or $config.stores $config.rerank_api) -}}
{{- fail "midrank: there is no policy. Say in policy.config which store midrank stands in front of, for example stores: [{kind: qdrant, listen: '0.0.0.0:6433', upstream: 'http://qdrant:6333'}], or name a ConfigMap in policy.existingConfigMap" -}}
{{- end -}}
{{- with include "midrank.writtenSecrets" (dict "value" $config "key" "" "path" "policy.config") | trim -}}
{{- fail (printf "midrank: %s is written out, and a ConfigMap is no place for secrets: say ${NAME} there, and where NAME comes from in secretEnv" (splitList "\n" . | first | trim)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The paths of secrets that stand in the policy themselves, a line each. */}}
{{- define "midrank.writtenSecrets" -}}
{{- $path := .path -}}
{{- if kindIs "map" .value -}}
{{- range $key, $value := .value -}}
{{- include "midrank.writtenSecrets" (dict "value" $value "key" $key "path" (printf "%s.%s" $path $key)) -}}
{{- end -}}
{{- else if kindIs "slice" .value -}}
{{- range $index, $value := .value -}}
{{- include "midrank.writtenSecrets" (dict "value" $value "key" "" "path" (printf "%s[%d]" $path $index)) -}}
{{- end -}}
{{- else if kindIs "string" .value -}}
{{- $secret := has .key (list "secret" "password" "sentinel_password" "api_key") -}}
{{- if or (and $secret (not (contains "${" .value))) (regexMatch "://[^/@$]*:[^/@$]+@" .value) }}
{{ $path }}
{{ end -}}
{{- end -}}
{{- end -}}

{{/* (dict "root" $ "component" MAP "where" KEY): every ${NAME} of the policy is set by something. */}}
{{- define "midrank.checkVariables" -}}
{{- $component := .component -}}
{{- $where := .where -}}
{{- if not (or $component.extraEnvFrom .root.Values.policy.existingConfigMap) -}}
{{- $known := concat (keys .root.Values.secretEnv) (list "MIDRANK_THREADS" "MIDRANK_CACHE_DIR" "HF_HOME" "HOME" "POD_NAME" "POD_NAMESPACE" "POD_UID" "NODE_NAME") -}}
{{- range $component.extraEnv -}}
{{- $known = append $known .name -}}
{{- end -}}
{{- range regexFindAll "\\$\\{[A-Za-z_][A-Za-z0-9_]*\\}" (toJson .root.Values.policy.config) -1 -}}
{{- $name := trimSuffix "}" (trimPrefix "${" .) -}}
{{- if not (has $name $known) -}}
{{- fail (printf "midrank: policy.config wants ${%s}, which nothing sets: name its Secret in secretEnv.%s, or set it in %s.extraEnv, or give it a default, ${%s:-...}" $name $name $where $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "midrank.checkGateway" -}}
{{- include "midrank.checkPolicy" . -}}
{{- include "midrank.checkVariables" (dict "root" . "component" .Values.gateway "where" "gateway") -}}
{{- $listeners := include "midrank.listeners" . | fromJson -}}
{{- range append $listeners.ports $listeners.admin -}}
{{- if and .address (include "midrank.isLoopback" .address) -}}
{{- fail (printf "midrank: %s is %s, which only the pod itself reaches, and the gateway is for other pods (and the kubelet's probes): say 0.0.0.0:%d" .key .address (int .port)) -}}
{{- end -}}
{{- end -}}
{{- $names := list -}}
{{- range $listeners.ports -}}{{- $names = append $names .name -}}{{- end -}}
{{- range $name, $_ := .Values.gateway.service.ports -}}
{{- if not (has $name $names) -}}
{{- fail (printf "midrank: gateway.service.ports.%s is no port of the policy: those are %s" $name (join ", " $names)) -}}
{{- end -}}
{{- end -}}
{{- $grace := include "midrank.graceSeconds" .Values.gateway.drain | int -}}
{{- with .Values.gateway.terminationGracePeriodSeconds -}}
{{- if lt (int .) $grace -}}
{{- fail (printf "midrank: gateway.terminationGracePeriodSeconds is %d, and draining takes up to %d: raise it, or lower gateway.drain" (int .) $grace) -}}
{{- end -}}
{{- end -}}
{{- with .Values.gateway.autoscaling -}}
{{- if and .enabled (gt (int .minReplicas) (int .maxReplicas)) -}}
{{- fail (printf "midrank: gateway.autoscaling.minReplicas is %d, above maxReplicas, %d" (int .minReplicas) (int .maxReplicas)) -}}
{{- end -}}
{{- end -}}
{{- include "midrank.checkGpu" . -}}
{{- include "midrank.checkModels" . -}}
{{- end -}}

{{- define "midrank.checkGpu" -}}
{{- $gpu := .Values.gateway.gpu -}}
{{- if $gpu.enabled -}}
{{- if and .Values.image.digest (not $gpu.image.digest) -}}
{{- fail "midrank: image.digest is that of the CPU image: gateway.gpu.enabled wants gateway.gpu.image.digest beside it" -}}
{{- end -}}
{{- if and .Values.gateway.autoscaling.enabled .Values.gateway.autoscaling.targetCPUUtilizationPercentage -}}
{{- fail "midrank: CPU use says nothing about a GPU's load: set gateway.autoscaling.targetCPUUtilizationPercentage to null and name a metric in gateway.autoscaling.metrics" -}}
{{- end -}}
{{- if .Values.policy.config -}}
{{- $kinds := list -}}
{{- range .Values.policy.config.models -}}{{- $kinds = append $kinds .kind -}}{{- end -}}
{{- if not (has "cross_encoder_torch" $kinds) -}}
{{- fail "midrank: gateway.gpu.enabled, but no model of the policy runs on a GPU: one of policy.config.models must be of kind cross_encoder_torch" -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "midrank.checkModels" -}}
{{- $models := .Values.models -}}
{{- if and (eq $models.source "prepare") (not $models.prepare.models) -}}
{{- fail "midrank: models.source is prepare: name the models in models.prepare.models, by hub id" -}}
{{- else if and (eq $models.source "initContainer") (not $models.initContainer.image) -}}
{{- fail "midrank: models.source is initContainer: name the image that fills /models in models.initContainer.image" -}}
{{- else if and (eq $models.source "pvc") (not $models.persistentVolumeClaim.claimName) -}}
{{- fail "midrank: models.source is pvc: name the claim in models.persistentVolumeClaim.claimName" -}}
{{- else if and (eq $models.source "image") (not $models.image.reference) -}}
{{- fail "midrank: models.source is image: name the image in models.image.reference" -}}
{{- end -}}
{{- if and (eq $models.source "image") (semverCompare "<1.31.0-0" .Capabilities.KubeVersion.Version) -}}
{{- fail (printf "midrank: models.source is image, and image volumes want Kubernetes 1.31 with the gate ImageVolume, or 1.33; this is %s" .Capabilities.KubeVersion.Version) -}}
{{- end -}}
{{- end -}}

{{- define "midrank.checkSidecar" -}}
{{- include "midrank.checkPolicy" . -}}
{{- include "midrank.checkVariables" (dict "root" . "component" .Values.sidecar "where" "sidecar") -}}
{{- if .Values.gateway.enabled -}}
{{- fail "midrank: one policy is either for a gateway or for a sidecar: set gateway.enabled to false beside sidecar.enabled, or install the chart twice" -}}
{{- end -}}
{{- $listeners := include "midrank.listeners" . | fromJson -}}
{{- range $listeners.ports -}}
{{- if and .address (not (include "midrank.isLoopback" .address)) -}}
{{- fail (printf "midrank: %s is %s, and a sidecar is for its own pod alone: say 127.0.0.1:%d" .key .address (int .port)) -}}
{{- end -}}
{{- end -}}
{{- if include "midrank.isLoopback" $listeners.admin.address -}}
{{- fail (printf "midrank: %s is %s, and the kubelet's probes come from outside the pod: say 0.0.0.0:%d" $listeners.admin.key $listeners.admin.address (int $listeners.admin.port)) -}}
{{- end -}}
{{- if and .Values.sidecar.native (semverCompare "<1.29.0-0" .Capabilities.KubeVersion.Version) -}}
{{- fail (printf "midrank: sidecar.native wants Kubernetes 1.29, this is %s: set it to false, and include midrank.sidecar under containers" .Capabilities.KubeVersion.Version) -}}
{{- end -}}
{{- include "midrank.checkModels" . -}}
{{- end -}}

{{- define "midrank.checkInjector" -}}
{{- if include "midrank.isLoopback" .Values.injector.listen -}}
{{- fail (printf "midrank: injector.listen is %s, where the API server does not reach it: say 0.0.0.0:8443" .Values.injector.listen) -}}
{{- end -}}
{{- $tls := .Values.injector.tls -}}
{{- if and (eq $tls.source "existingSecret") (not (and $tls.existingSecret.name $tls.existingSecret.caBundle)) -}}
{{- fail "midrank: injector.tls.source is existingSecret: name it in injector.tls.existingSecret.name, and give its CA's certificate (PEM) in injector.tls.existingSecret.caBundle" -}}
{{- end -}}
{{- if and (eq $tls.source "certManager") $tls.certManager.issuerRef (not $tls.certManager.issuerRef.name) -}}
{{- fail "midrank: injector.tls.certManager.issuerRef has no name" -}}
{{- end -}}
{{- if and (eq (toString .Values.injector.sidecar.native) "true") (semverCompare "<1.29.0-0" .Capabilities.KubeVersion.Version) -}}
{{- fail (printf "midrank: injector.sidecar.native wants Kubernetes 1.29, this is %s: say auto, or false" .Capabilities.KubeVersion.Version) -}}
{{- end -}}
{{- end -}}
