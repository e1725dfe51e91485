{{- define "midrank.gateway.serviceAccount" -}}
{{- $account := .Values.gateway.serviceAccount -}}
{{- $account.name | default (ternary (include "midrank.gateway.name" .) "default" $account.create) -}}
{{- end -}}

{{/* The image, as JSON: with a GPU it is the variant that has torch, whose tag ends in -gpu unless said otherwise. */}}
{{- define "midrank.gateway.image" -}}
{{- $image := deepCopy .Values.image -}}
{{- if .Values.gateway.gpu.enabled -}}
{{- $variant := .Values.gateway.gpu.image -}}
{{- $_ := set $image "repository" ($variant.repository | default $image.repository) -}}
{{- $_ := set $image "suffix" (ternary "" "-gpu" (not (empty $variant.tag))) -}}
{{- $_ := set $image "tag" ($variant.tag | default $image.tag) -}}
{{- $_ := set $image "digest" $variant.digest -}}
{{- end -}}
{{- toJson $image -}}
{{- end -}}
