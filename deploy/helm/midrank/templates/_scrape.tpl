{{/* (dict "root" $ "monitor" MAP): how Prometheus asks the admin port. */}}
{{- define "midrank.scrape" -}}
{{- $authorization := .monitor.authorization -}}
{{- $admin := (include "midrank.policy" .root | fromYaml).admin -}}
{{- if and (kindIs "map" $admin) ($admin).api_key (not $authorization.name) -}}
{{- fail "midrank: policy.config.admin.api_key guards /metrics too: name the Secret that Prometheus takes it from in metrics.serviceMonitor.authorization and metrics.podMonitor.authorization" -}}
{{- end -}}
path: /metrics
interval: {{ .monitor.interval }}
{{- with .monitor.scrapeTimeout }}
scrapeTimeout: {{ . }}
{{- end }}
{{- if $authorization.name }}
authorization:
  type: Bearer
  credentials: {name: {{ $authorization.name | quote }}, key: {{ $authorization.key | quote }}}
{{- end }}
{{- with .monitor.relabelings }}
relabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .monitor.metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
