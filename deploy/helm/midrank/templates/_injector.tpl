{{/* The certificate's Secret, and who vouches for it. */}}

{{- define "midrank.injector.secret" -}}
{{- if eq .Values.injector.tls.source "existingSecret" -}}
{{- .Values.injector.tls.existingSecret.name -}}
{{- else -}}
{{- printf "%s-tls" (include "midrank.injector.name" .) -}}
{{- end -}}
{{- end -}}

{{/* The names under which the API server calls, as JSON. */}}
{{- define "midrank.injector.hosts" -}}
{{- $host := printf "%s.%s.svc" (include "midrank.injector.name" .) .Release.Namespace -}}
{{- list $host (printf "%s.cluster.local" $host) | toJson -}}
{{- end -}}

{{/*
{"ca.crt", "tls.crt", "tls.key", "until"} as JSON, the first three in base64: what is in the cluster already while it
is good for another 30 days, otherwise a new certificate of a new authority. The Secret and the webhook ask for it, and
must get the same, so the first to ask leaves it in .Values.
*/}}
{{- define "midrank.injector.certificate" -}}
{{- if not (hasKey .Values.injector "_certificate") -}}
{{- $kept := lookup "v1" "Secret" .Release.Namespace (include "midrank.injector.secret" .) | default dict -}}
{{- $data := $kept.data | default dict -}}
{{- $until := dig "metadata" "annotations" "midrank.dev/valid-until" "0" $kept | int64 -}}
{{- $soon := now | unixEpoch | int64 | add 2592000 -}}
{{- $one := dict -}}
{{- if and (get $data "ca.crt") (get $data "tls.crt") (get $data "tls.key") (gt $until $soon) -}}
{{- $one = dict "ca.crt" (get $data "ca.crt") "tls.crt" (get $data "tls.crt") "tls.key" (get $data "tls.key") "until" $until -}}
{{- else -}}
{{- $days := int .Values.injector.tls.generated.days -}}
{{- $hosts := include "midrank.injector.hosts" . | fromJsonArray -}}
{{- $ca := genCAWithKey "midrank-injector-ca" $days (genPrivateKey "ecdsa") -}}
{{- $cert := genSignedCertWithKey (first $hosts) nil $hosts $days $ca (genPrivateKey "ecdsa") -}}
{{- $until = now | unixEpoch | int64 | add (mul 86400 $days) -}}
{{- $one = dict "ca.crt" (b64enc $ca.Cert) "tls.crt" (b64enc $cert.Cert) "tls.key" (b64enc $cert.Key) "until" $until -}}
{{- end -}}
{{- $_ := set .Values.injector "_certificate" $one -}}
{{- end -}}
{{- toJson .Values.injector._certificate -}}
{{- end -}}

{{- define "midrank.injector.serviceAccount" -}}
{{- $account := .Values.injector.serviceAccount -}}
{{- $account.name | default (ternary (include "midrank.injector.name" .) "default" $account.create) -}}
{{- end -}}
