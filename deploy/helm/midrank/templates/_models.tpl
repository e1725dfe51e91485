{{/* Where model weights come from: baked into the image, or found under /models. */}}

{{/* Init containers that fill /models, for `source: prepare` and `source: initContainer`. */}}
{{- define "midrank.modelInitContainers" -}}
{{- $root := .root -}}
{{- $security := .securityContext -}}
{{- $models := .root.Values.models -}}
{{- if eq $models.source "prepare" }}
{{- range $index, $model := include "midrank.preparedModels" $root | fromJsonArray }}
- name: midrank-prepare-{{ $index }}
  image: {{ include "midrank.image" (dict "root" $root "image" $root.Values.image) }}
  imagePullPolicy: {{ $root.Values.image.pullPolicy }}
  args: [prepare, --precision={{ $models.prepare.precision }}{{ with $model }}, {{ quote . }}{{ end }}]
  env:
    - {name: HOME, value: /tmp}
    - {name: HF_HOME, value: /models/hub}
    - {name: MIDRANK_CACHE_DIR, value: /models}
    {{- with $models.prepare.extraEnv }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  resources:
    {{- toYaml $models.prepare.resources | nindent 4 }}
  securityContext:
    {{- include "midrank.securityContext" (dict "root" $root "context" $security) | nindent 4 }}
  volumeMounts:
    - {name: midrank-models, mountPath: /models}
    - {name: midrank-tmp, mountPath: /tmp}
{{- end }}
{{- else if eq $models.source "initContainer" }}
- name: midrank-fetch-models
  image: {{ $models.initContainer.image }}
  {{- with $models.initContainer.command }}
  command:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $models.initContainer.args }}
  args:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $models.initContainer.env }}
  env:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  resources:
    {{- toYaml $models.initContainer.resources | nindent 4 }}
  securityContext:
    {{- include "midrank.securityContext" (dict "root" $root "context" $security) | nindent 4 }}
  volumeMounts:
    - {name: midrank-models, mountPath: /models}
    - {name: midrank-tmp, mountPath: /tmp}
{{- end }}
{{- end -}}

{{/*
The models to prepare, as JSON; "" is the built-in one. Its graph is in the image, but where graphs are looked for in
/models it must be there too.
*/}}
{{- define "midrank.preparedModels" -}}
{{- $wanted := .Values.models.prepare.models -}}
{{- $kinds := list -}}
{{- range (include "midrank.policy" . | fromYaml).models -}}{{- $kinds = append $kinds .kind -}}{{- end -}}
{{- if or .Values.policy.existingConfigMap (has "late_interaction" $kinds) -}}
{{- $wanted = prepend $wanted "" -}}
{{- end -}}
{{- toJson $wanted -}}
{{- end -}}

{{/* What tells midrank that hub models and prepared graphs are under /models; baked ones are found without. */}}
{{- define "midrank.modelEnv" -}}
{{- if eq .Values.models.source "prepare" }}
- {name: HF_HOME, value: /models/hub}
- {name: HF_HUB_OFFLINE, value: "1"}
- {name: MIDRANK_CACHE_DIR, value: /models}
{{- else if and (ne .Values.models.source "baked") .Values.models.cacheDir }}
- {name: MIDRANK_CACHE_DIR, value: {{ .Values.models.cacheDir | quote }}}
{{- end }}
{{- end -}}

{{- define "midrank.modelMount" -}}
{{- if ne .Values.models.source "baked" }}
- name: midrank-models
  mountPath: /models
  readOnly: true
  {{- if eq .Values.models.source "pvc" }}
  {{- with .Values.models.persistentVolumeClaim.subPath }}
  subPath: {{ . | quote }}
  {{- end }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "midrank.modelVolume" -}}
{{- $models := .Values.models -}}
{{- if has $models.source (list "prepare" "initContainer") }}
- name: midrank-models
  emptyDir:
    sizeLimit: {{ $models.sizeLimit }}
{{- else if eq $models.source "pvc" }}
- name: midrank-models
  persistentVolumeClaim:
    claimName: {{ $models.persistentVolumeClaim.claimName }}
    readOnly: true
{{- else if eq $models.source "image" }}
- name: midrank-models
  image:
    reference: {{ $models.image.reference }}
    pullPolicy: {{ $models.image.pullPolicy }}
{{- end }}
{{- end -}}
