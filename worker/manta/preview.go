package manta

import "net/http"

// Preview is the request that [Sender.Tag] would send for m, but for its
// headers. It needs no HTTP client and sends nothing.
func (c *Client) Preview(secret string, m Mapping) (method, url string, body []byte) {
	return http.MethodPost, c.endpoint(tagPath).String(), newEncoder().encode(secret, m)
}
