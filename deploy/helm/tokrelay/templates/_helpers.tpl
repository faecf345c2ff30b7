{{- define "tokrelay.labels" -}}
app.kubernetes.io/name: tokrelay
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "tokrelay.image" -}}
{{ .Values.image.repository }}{{ with .Values.image.digest }}@{{ . }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}
